// npm run test:dkms: the schedulers installed with `ipvs dkms` and from the Debian package, in the test machine.
// SPDX-License-Identifier: MIT
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildLibrary } from '../../scripts/build.mjs'
import { main, Problem, root, run, which } from '../../scripts/lib.mjs'
import { setup } from '../../scripts/setup.mjs'
import { findKernel } from '../vm/kernel.mjs'
import { runInVm } from '../vm/run.mjs'

/** What this test needs beside the others' packages. The kernel is the installed one: DKMS needs its headers. */
function missingPackages(release) {
  const programs = { dkms: 'dkms', dh_dkms: 'dh-dkms', dh: 'debhelper', 'dpkg-buildpackage': 'dpkg-dev' }
  const packages = Object.keys(programs).flatMap((name) => (which(name) ? [] : [programs[name]]))
  if (!existsSync(`/lib/modules/${release}/build/Makefile`)) packages.push(`linux-headers-${release}`)
  return packages
}

async function installPackages(release) {
  const packages = missingPackages(release)
  if (packages.length === 0) return
  const command = ['install', '-y', '--no-install-recommends', ...packages]
  if (process.getuid() !== 0)
    throw new Problem(`run this first, then again: sudo apt-get ${command.join(' ')}`)
  console.log(`apt-get ${command.join(' ')}`)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  await run('apt-get', ['update', '-q', '-o', 'DPkg::Lock::Timeout=300'])
  await run('apt-get', [...command, '-o', 'DPkg::Lock::Timeout=300'], { env })
  const left = missingPackages(release)
  if (left.length > 0) throw new Problem(`still missing after the installation: ${left.join(' ')}`)
}

/** What Kbuild or an earlier package build left in kmod/ is no part of a clean tree. */
const isSource = (path) => !/^(\..*|build|.*\.(ko|o|mod|mod\.c|order|symvers))$/.test(basename(path))

/** The package as npm installs it, in `folder`, and the Debian package beside it. */
async function stage(folder) {
  const place = join(folder, 'node_modules/ipvs')
  mkdirSync(place, { recursive: true })
  cpSync(join(root, 'package.json'), join(place, 'package.json'))
  cpSync(join(root, 'dist'), join(place, 'dist'), { recursive: true })
  cpSync(join(root, 'kmod'), join(place, 'kmod'), {
    recursive: true,
    filter: (path) => path === join(root, 'kmod') || isSource(path),
  })
  await run('make', ['-C', join(place, 'kmod'), 'deb', `OUT=${join(folder, 'deb')}`])
}

await main(import.meta, async (argv) => {
  const { values } = parseArgs({ args: argv, options: { timeout: { type: 'string', default: '2400' } } })
  await setup({ for: 'demo' })
  const { release } = findKernel()
  await installPackages(release)
  await buildLibrary()
  const folder = mkdtempSync(join(tmpdir(), 'ipvs-dkms-'))
  try {
    await stage(folder)
    const { status } = await runInVm({
      command: ['sh', join(import.meta.dirname, 'dkms.sh'), process.execPath],
      cwd: folder,
      cpus: 2,
      memory: 3072,
      timeout: Number(values.timeout),
    })
    return status
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
