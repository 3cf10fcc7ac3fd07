// Builds the addon and the TypeScript, and only what changed since the last time.
// SPDX-License-Identifier: MIT
import { existsSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { main, newestChange, root, run } from './lib.mjs'

const bin = (name) => join(root, 'node_modules/.bin', name)
const at = (...paths) => paths.map((path) => join(root, path))

/** Marks a finished build with the time at which it began: an edit made meanwhile is not missed. */
function stamp(path, time) {
  writeFileSync(path, '')
  utimesSync(path, time / 1000, time / 1000)
}

const isFresh = (path, inputs) =>
  (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? -1) > newestChange(inputs)

const filesIn = (folder, pattern) =>
  readdirSync(join(root, folder))
    .filter((name) => pattern.test(name))
    .map((name) => join(root, folder, name))

/** What the addon is made of; not native/build. */
export const addonInputs = () => [
  ...filesIn('native', /\.(cc|h|gyp|json|map)$/),
  ...filesIn('kmod', /\.h$/),
  ...at('node_modules/node-addon-api/package.json'),
]

/** Node's own headers where they are installed beside it: no download. */
export function nodeHeaders() {
  const prefix = resolve(process.execPath, '../..')
  return existsSync(join(prefix, 'include/node/node_api.h')) ? prefix : undefined
}

/** The native addon; true if it had to be built. */
export async function buildAddon() {
  const inputs = addonInputs()
  const done = join(root, 'native/build/Release/.built')
  if (existsSync(join(root, 'native/build/Release/ipvs.node')) && isFresh(done, inputs)) return false
  const start = Date.now()
  const headers = nodeHeaders()
  const nodedir = headers === undefined ? [] : [`--nodedir=${headers}`]
  await run(bin('node-gyp'), ['configure', 'build', '-C', 'native', '--loglevel=error', ...nodedir])
  stamp(done, start)
  return true
}

/** lib/ to dist/; true if it had to be compiled. */
export async function buildLibrary() {
  const done = join(root, 'dist/.built')
  if (isFresh(done, at('lib', 'tsconfig.json', 'node_modules/typescript/package.json'))) return false
  const start = Date.now()
  await run(bin('tsc'), ['-p', 'tsconfig.json'])
  mkdirSync(join(root, 'dist'), { recursive: true })
  stamp(done, start)
  return true
}

/** Both, side by side. Throws a Problem with the tools' own output. */
export async function build({ log = console.log } = {}) {
  const start = performance.now()
  // Settled, not all: a failure must not leave the other half running behind the message.
  const results = await Promise.allSettled([buildAddon(), buildLibrary()])
  const failure = results.find((result) => result.status === 'rejected')
  if (failure) throw failure.reason
  const built = ['addon', 'library'].filter((_, i) => results[i].value)
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  log(built.length === 0 ? 'build: up to date' : `build: ${built.join(' and ')} in ${seconds} s`)
}

await main(import.meta, () => build())
