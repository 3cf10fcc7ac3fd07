// npm run prebuilds: the addon for every platform that the package serves, into prebuilds/, which git ignores.
// SPDX-License-Identifier: MIT
import { cpSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { addonInputs, nodeHeaders } from './build.mjs'
import { main, newestChange, Problem, root, run, which } from './lib.mjs'
import { checkSymbols } from './symbols.mjs'

/** Compilers for Linux on each; Debian's package beside the cross compiler. */
const compilers = {
  x64: { prefix: 'x86_64-linux-gnu-', package: 'g++' },
  arm64: { prefix: 'aarch64-linux-gnu-', package: 'g++-aarch64-linux-gnu' },
}
export const platforms = Object.keys(compilers).map((arch) => `linux-${arch}`)

const prebuilds = join(root, 'prebuilds')
const addonOf = (folder, arch) => join(folder, `prebuilds/linux-${arch}/ipvs.node`)

/** Builds in a copy of the sources: the developer's own build stays, and two architectures do not meet. */
async function prebuild(arch) {
  const { prefix } = compilers[arch]
  const folder = join(root, 'build/prebuild', arch)
  rmSync(folder, { recursive: true, force: true })
  for (const path of addonInputs().filter((path) => !path.includes('node_modules')))
    cpSync(path, join(folder, path.slice(root.length)), { preserveTimestamps: true })
  const headers = nodeHeaders()
  const args = ['--name', 'ipvs', '--napi', '--target', process.versions.node, '--arch', arch, '--strip']
  await run(
    join(root, 'node_modules/.bin/prebuildify'),
    [...args, '--strip-bin', `${prefix}strip`, '--cwd', join(folder, 'native'), '--out', folder],
    {
      env: {
        CC: `${prefix}gcc`,
        CXX: `${prefix}g++`,
        LINK: `${prefix}g++`,
        ...(headers !== undefined && { npm_config_nodedir: headers }),
      },
    },
  )
  return addonOf(folder, arch)
}

/** All of them or none; nothing if they are newer than the sources. */
export async function prebuildAll({ log = console.log } = {}) {
  const changed = newestChange(addonInputs())
  const built = Object.keys(compilers).map((arch) => newestChange([addonOf(root, arch)]))
  if (built.every((time) => time > changed)) return
  for (const { prefix, package: name } of Object.values(compilers)) {
    if (which(`${prefix}g++`) === undefined)
      throw new Problem(`prebuilds: there is no ${prefix}g++: apt-get install ${name}`)
  }
  const start = performance.now()
  const finished = {}
  for (const arch of Object.keys(compilers)) {
    finished[arch] = await prebuild(arch)
    log(`prebuilds: linux-${arch} needs ${(await checkSymbols(finished[arch])).join(', ')} or older`)
  }
  rmSync(prebuilds, { recursive: true, force: true })
  for (const [arch, path] of Object.entries(finished)) {
    mkdirSync(join(addonOf(root, arch), '..'), { recursive: true })
    renameSync(path, addonOf(root, arch))
  }
  log(`prebuilds: in ${((performance.now() - start) / 1000).toFixed(1)} s`)
}

await main(import.meta, () => prebuildAll())
