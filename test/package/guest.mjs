// The tarball in the test machine: installed without scripts or a compiler, it opens clients and brings schedulers.
// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { main, run } from '../../scripts/lib.mjs'
import { pack } from '../../scripts/pack.mjs'
import { runInVm } from '../vm/run.mjs'

const web = "{ protocol: 'tcp', address: '192.0.2.10', port: 80 }"
const files = {
  'package.json': '{ "private": true }',
  'add.mjs': `import { Ipvs } from 'ipvs'
const ipvs = await Ipvs.open()
await ipvs.services.add({ ...${web}, scheduler: 'wrr' })
await ipvs.destinations.add(${web}, { address: '10.0.0.2', forwarding: 'masquerading', weight: 1 })
await ipvs.close()
`,
  'edit.cjs': `const { IpvsSync } = require('ipvs')
const ipvs = IpvsSync.open()
ipvs.destinations.edit(${web}, { address: '10.0.0.2' }, { weight: 7 })
ipvs.close()
`,
}

/** Returns the exit status of the machine's script. */
export async function tryInGuest() {
  const tarball = await pack()
  const folder = mkdtempSync(join(tmpdir(), 'ipvs-tarball-'))
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    mkdirSync(join(folder, 'bin'))
    symlinkSync(process.execPath, join(folder, 'bin/node'))
    await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', tarball], { cwd: folder })
    const script = join(import.meta.dirname, 'guest.sh')
    const { status } = await runInVm({
      command: ['sh', script],
      cwd: folder,
      cpus: 2,
      memory: 3072,
      timeout: 1200,
    })
    return status
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

await main(import.meta, tryInGuest)
