// npm run package: the tarball that is tested and published, ipvs-VERSION.tgz at the top of the checkout.
// SPDX-License-Identifier: MIT
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { buildLibrary } from './build.mjs'
import { main, root, run } from './lib.mjs'
import { prebuildAll } from './prebuild.mjs'

/** What `files` in package.json chooses from; builds and dot files lie there too. */
const copied = ['native', 'kmod', 'schema', 'man', 'completion']
const documents = ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE']

/** lib/ as it was compiled, without what an earlier build left, and without maps: their sources are not in it. */
function stageLibrary(folder) {
  const names = readdirSync(join(root, 'lib'), { recursive: true }).filter((name) => name.endsWith('.ts'))
  for (const name of names.flatMap((name) => [name.replace(/ts$/, 'js'), name.replace(/ts$/, 'd.ts')])) {
    const path = join(folder, 'dist', name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(
      path,
      readFileSync(join(root, 'dist', name), 'utf8').replace(/^\/\/# sourceMappingURL=.*\n?/m, ''),
    )
  }
}

/** Returns the path of the tarball. */
export async function pack({ log = console.log } = {}) {
  await buildLibrary()
  const prebuilt = await prebuildAll({ log })
  const folder = join(root, 'build/package')
  rmSync(folder, { recursive: true, force: true })
  stageLibrary(folder)
  for (const name of copied)
    cpSync(join(root, name), join(folder, name), {
      recursive: true,
      filter: (path) => !/\/(build|node_modules|\.[^/]*)$/.test(path),
    })
  for (const place of prebuilt)
    cpSync(join(place, 'prebuilds'), join(folder, 'prebuilds'), { recursive: true })
  for (const name of documents) cpSync(join(root, name), join(folder, name))
  const answer = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', root], {
    cwd: folder,
  })
  const [{ filename, size, unpackedSize, entryCount }] = JSON.parse(answer)
  log(`${filename}: ${entryCount} files, ${size} bytes, ${unpackedSize} unpacked`)
  return join(root, filename)
}

await main(import.meta, async () => void (await pack()))
