// The import rule of ARCHITECTURE.md: downward only, and nothing imports the public index.
// SPDX-License-Identifier: MIT

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const lib = join(root, 'lib')

/** From the bottom to the top; a file imports from its own layer or from below. */
const layers: readonly (readonly RegExp[])[] = [
  [/^addon$/, /^hashing$/, /^netlink\//, /^files$/], // netlink/ also among itself
  [/^abi$/, /^route\/abi$/],
  [/^wire$/],
  [/^types$/, /^check$/, /^nearest$/, /^address$/, /^errno$/, /^errors$/, /^abort$/, /^late$/],
  [/^model\//],
  [/^rules$/, /^request$/],
  [/^batch$/, /^debug$/, /^channel$/, /^group$/, /^recording$/, /^queue$/],
  [/^services$/, /^destinations$/, /^daemons$/],
  [/^snapshot$/],
  [/^predict\//],
  [/^objects$/, /^gone$/, /^quiesced$/],
  [/^director$/],
  [/^plan\//], // policy on the verbs of a director; Ipvs lends it two methods
  [/^ipvs$/, /^sync$/],
  [/^text\//],
  [/^save$/, /^restore$/],
  [/^connection-line$/],
  [/^pause$/, /^connections$/, /^kernel-version$/, /^sysctls(-table)?$/, /^changes$/, /^rates$/],
  [/^profile$/],
  [/^route\//], // beside the client of IPVS: links, addresses, announcements
  [/^network$/, /^announce$/, /^real-server-notes$/],
  [/^real-server-machine$/],
  [/^vip$/, /^real-server$/],
  [/^drain-notes$/],
  [/^drain$/, /^watch$/, /^doctor\//],
  [/^index$/],
  [/^cli\//],
  [/^testing\//], // a public entry of its own, on the clients; nothing below may know of it
]

const layerOf = (file: string): number => layers.findIndex((patterns) => patterns.some((p) => p.test(file)))

const files = (readdirSync(lib, { recursive: true }) as string[]).filter((file) => file.endsWith('.ts'))
const imports = files.flatMap((file) => {
  const from = file.replace(/\.ts$/, '')
  const text = readFileSync(join(lib, file), 'utf8')
  return [...text.matchAll(/^(?:import|export)[^'"]*?from '(\.[^']+)'/gms)].map(([statement, to]) => ({
    from,
    to: normalize(join(dirname(from), to!.replace(/\.js$/, ''))),
    typeOnly: /^(import|export) type/.test(statement),
  }))
})

test('every file has its layer', () => {
  expect(files.map((file) => file.replace(/\.ts$/, '')).filter((file) => layerOf(file) < 0)).toEqual([])
  expect(imports.length).toBeGreaterThan(60)
})

test('imports go down', () => {
  const upward = imports.filter(({ from, to }) => layerOf(to) > layerOf(from) || layerOf(to) < 0)
  expect(upward).toEqual([])
})

test('nothing but testing/ knows of testing/, and it knows neither the command line nor the public index', () => {
  const isTesting = (file: string): boolean => file.startsWith('testing/')
  const crossing = imports.filter(({ from, to }) => isTesting(from) !== isTesting(to))
  expect(crossing.length).toBeGreaterThan(10)
  expect(crossing.filter(({ to }) => isTesting(to) || to === 'index' || to.startsWith('cli/'))).toEqual([])
})

test('netlink/ knows nothing of IPVS', () => {
  const above = imports.filter(
    ({ from, to }) => from.startsWith('netlink/') && !to.startsWith('netlink/') && to !== 'addon',
  )
  expect(above).toEqual([])
})

test('only the socket, files of other namespaces and the hashing functions load the addon', () => {
  expect(imports.filter(({ to, typeOnly }) => to === 'addon' && !typeOnly).map(({ from }) => from)).toEqual([
    'hashing',
    'netlink/file',
    'netlink/packet',
    'netlink/socket',
  ])
})

test('every source file says what it is, carries a licence line, and is no longer than 400 lines', () => {
  const sources = ['lib', 'native', 'scripts', 'demo', 'examples', 'test'].flatMap((folder) =>
    (readdirSync(join(root, folder), { recursive: true }) as string[])
      .filter((file) => /\.(ts|mjs|cc|h)$/.test(file) && !/(^|\/)(build|node_modules)\//.test(file))
      .map((file) => join(folder, file)),
  )
  const faults = sources.flatMap((file) => {
    const lines = readFileSync(join(root, file), 'utf8').split('\n')
    const start = lines[0]?.startsWith('#!') ? 1 : 0
    const described = /^\/\/ .{20,}/.test(lines[start] ?? '')
    const licensed = lines.slice(start, start + 5).some((line) => line === '// SPDX-License-Identifier: MIT')
    return described && licensed && lines.length <= 401 ? [] : [relative('.', file)]
  })
  expect(faults).toEqual([])
  expect(sources.length).toBeGreaterThan(50)
})
