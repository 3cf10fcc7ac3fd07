// npm run prebuilds: the addon for every platform that the package serves. They go into the tarball, not into the tree.
// SPDX-License-Identifier: MIT
import { cpSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { addonInputs, nodeHeaders } from './build.mjs'
import { main, newestChange, Problem, root, run, which } from './lib.mjs'
import { checkSymbols } from './symbols.mjs'

/** Compilers for Linux on each; Debian's package beside the cross compiler. */
const compilers = {
  x64: { prefix: 'x86_64-linux-gnu-', package: 'g++' },
  arm64: { prefix: 'aarch64-linux-gnu-', package: 'g++-aarch64-linux-gnu' },
}

/** In build/: prebuilds/ at the top would hide what a developer has just built from the loader. */
const folderOf = (arch) => join(root, 'build/prebuild', arch)
const addonOf = (arch) => join(folderOf(arch), `prebuilds/linux-${arch}/ipvs.node`)

/** Builds in a copy of the sources: the developer's own build stays, and two architectures do not meet. */
async function prebuild(arch) {
  const { prefix } = compilers[arch]
  const folder = folderOf(arch)
  rmSync(folder, { recursive: true, force: true })
  for (const path of addonInputs().map((path) => relative(root, path)))
    if (!path.startsWith('node_modules')) cpSync(join(root, path), join(folder, path))
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
}

/** Builds those that are older than the sources, and checks all. Returns the folders that have a prebuilds/. */
export async function prebuildAll({ log = console.log } = {}) {
  const architectures = Object.keys(compilers)
  const changed = newestChange(addonInputs())
  const stale = architectures.filter((arch) => newestChange([addonOf(arch)]) <= changed)
  for (const { prefix, package: name } of stale.map((arch) => compilers[arch])) {
    if (which(`${prefix}g++`) === undefined)
      throw new Problem(`prebuilds: there is no ${prefix}g++: apt-get install ${name}`)
  }
  for (const arch of stale) await prebuild(arch)
  for (const arch of architectures)
    log(`prebuilds: linux-${arch} needs ${(await checkSymbols(addonOf(arch))).join(', ')} or older`)
  return architectures.map(folderOf)
}

await main(import.meta, async () => void (await prebuildAll()))
