// What a built addon needs and gives: holds it to what every supported Node runs with, on glibc and on musl.
// SPDX-License-Identifier: MIT
//
//   node scripts/symbols.mjs FILE...
import { resolve } from 'node:path'
import { main, Problem, run } from './lib.mjs'

/** Versions of Node's own binaries since Node 20: nothing newer may be needed. */
const newest = { GLIBC: '2.17', GLIBCXX: '3.4.21', CXXABI: '1.3.9' }
/** Of the C library no name: the process has one, of glibc or musl; Bun on musl refuses who names glibc's. */
const libraries = ['libstdc++.so.6']
const compilers = { 'X86-64': 'x86_64-linux-gnu-g++', AArch64: 'aarch64-linux-gnu-g++' }
/** The linker's own, weak and looked for in vain on most systems. */
const ownOfLinker = /^(_ITM_(de)?registerTMCloneTable|__gmon_start__)$/
const entryPoints = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']

const isNewer = (version, than) => {
  const [a, b] = [version, than].map((text) => text.split('.').map(Number))
  const at = a.findIndex((part, i) => part !== (b[i] ?? 0))
  return at >= 0 && a[at] > (b[at] ?? 0)
}

/** Why the symbol must not be needed, or undefined. */
function faultOf({ name, version }, libc) {
  // Bun and Deno have none of libuv; fortified calls are glibc's alone.
  if (/^uv_/.test(name)) return 'libuv is not everywhere the one of Node'
  if (/_chk$/.test(name)) return 'a fortified call, which musl does not have'
  if (version !== undefined) {
    const [, library, number] = /^([A-Z]+)_([\d.]+)$/.exec(version) ?? []
    if (!Object.hasOwn(newest, library ?? '')) return `of an unknown version ${version}`
    return isNewer(number, newest[library]) ? `newer than ${library}_${newest[library]}` : undefined
  }
  if (/^napi_\w+$/.test(name) || ownOfLinker.test(name)) return undefined
  if (!libc.has(name)) return 'neither Node-API nor the C library has it'
  return isNewer(libc.get(name), newest.GLIBC) ? `new in GLIBC_${libc.get(name)}` : undefined
}

/** Since which version the C library of that architecture has each of its functions. */
async function firstVersions(file) {
  const header = (await run('readelf', ['--file-header', file])).toString()
  const machine = /Machine: .*?(\S+)$/m.exec(header)?.[1]
  const compiler = compilers[machine]
  if (compiler === undefined) throw new Problem(`${file} is of ${machine}`)
  const library = (await run(compiler, ['-print-file-name=libc.so.6'])).toString().trim()
  const first = new Map()
  for (const { name, version, defined } of await dynamicSymbols(library)) {
    const number = /^GLIBC_([\d.]+)$/.exec(version ?? '')?.[1]
    if (!defined || number === undefined) continue
    if (!first.has(name) || isNewer(first.get(name), number)) first.set(name, number)
  }
  return first
}

/** As binutils of any architecture prints them. */
async function dynamicSymbols(file) {
  const text = (await run('readelf', ['--dyn-syms', '--wide', file])).toString()
  return text.split('\n').flatMap((line) => {
    const [, , , , bind, , section, symbol] = line.trim().split(/\s+/)
    if (symbol === undefined || !['GLOBAL', 'WEAK', 'UNIQUE'].includes(bind)) return []
    const [name, version] = symbol.split(/@+/)
    return [{ name, version, defined: section !== 'UND' }]
  })
}

/** Names, in order. */
export const exportedBy = async (file) =>
  (await dynamicSymbols(file)).flatMap(({ name, defined }) => (defined ? [name] : [])).sort()

/** Throws a Problem that names every symbol and library that does not belong. Returns the newest versions needed. */
export async function checkSymbols(file) {
  const needed = (await dynamicSymbols(file)).filter(({ defined }) => !defined)
  const exported = await exportedBy(file)
  const libc = await firstVersions(file)
  const dynamic = (await run('readelf', ['--dynamic', '--wide', file])).toString()
  const faults = [...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)]
    .filter(([, name]) => !libraries.includes(name))
    .map(([, name]) => `needs the library ${name}`)
  for (const symbol of needed) {
    const fault = faultOf(symbol, libc)
    if (fault !== undefined) faults.push(`needs ${symbol.name}: ${fault}`)
  }
  if (exported.join() !== entryPoints.join()) faults.push(`exports ${exported.join(' ') || 'nothing'}`)
  if (faults.length > 0) throw new Problem(faults.map((fault) => `${file} ${fault}`).join('\n'))
  const versions = needed.flatMap(({ name, version }) => {
    if (version !== undefined) return [version]
    return libc.has(name) ? [`GLIBC_${libc.get(name)}`] : []
  })
  return Object.keys(newest).flatMap((library) => {
    const own = versions.filter((version) => version.startsWith(`${library}_`)).map((v) => v.split('_')[1])
    return own.length === 0 ? [] : [`${library}_${own.reduce((a, b) => (isNewer(b, a) ? b : a))}`]
  })
}

await main(import.meta, async (files) => {
  if (files.length === 0) throw new Problem('usage: node scripts/symbols.mjs FILE...')
  for (const file of files)
    console.log(`${file}: needs ${(await checkSymbols(resolve(file))).join(', ')} or older`)
})
