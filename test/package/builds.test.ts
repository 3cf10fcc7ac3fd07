// node-gyp and cmake-js build the same; the check of symbols finds what does not belong.
// SPDX-License-Identifier: MIT

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { beforeAll, expect, inject, test } from 'vitest'
import { output, root, run } from './tools.ts'

const bin = (name: string): string => join(root, 'node_modules/.bin', name)
const folder = join(root, 'build/compare')
const prefix = resolve(process.execPath, '../..')
const headers = existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : []

interface Build {
  readonly sources: readonly string[]
  readonly defines: readonly string[]
  readonly flags: readonly string[]
}

/** What node-gyp would do for the project in `native` below `name`. */
const gyp = (name: string): Build => {
  output(bin('node-gyp'), ['configure', '-C', join(folder, name, 'native'), '--loglevel=error', ...headers])
  const text = readFileSync(join(folder, name, 'native/build/ipvs.target.mk'), 'utf8')
  const list = (variable: string): string[] => {
    const body = new RegExp(`^${variable} := \\\\\\n((?:\\t.*\\n)+)`, 'm').exec(text)?.[1] ?? ''
    return body
      .split('\n')
      .map((line) => line.replace(/^\t|\s*\\$/g, '').replaceAll("'", ''))
      .filter(Boolean)
  }
  return {
    sources: list('OBJS')
      .map((path) => basename(path, '.o'))
      .sort(),
    defines: list('DEFS_Release'),
    flags: [...list('CFLAGS_Release'), ...list('CFLAGS_CC_Release')],
  }
}

const cmake = (): Build => {
  const commands = JSON.parse(readFileSync(join(folder, 'cmake/compile_commands.json'), 'utf8')) as {
    readonly command: string
    readonly file: string
  }[]
  const perFile = commands.map(({ command }) => {
    const words = command
      .replace(/ -o \S+ -c \S+$/, '')
      .replaceAll(/ -isystem \S+/g, '')
      .split(' ')
      .slice(1)
    return {
      defines: words.filter((word) => word.startsWith('-D')),
      flags: words.filter((word) => word !== '' && !word.startsWith('-D')),
    }
  })
  for (const each of perFile) expect(each).toEqual(perFile[0])
  return { sources: commands.map(({ file }) => basename(file, '.cc')).sort(), ...perFile[0]! }
}

/** What `all` has more than `some`, which it begins with or has scattered in it. */
const without = (all: readonly string[], some: readonly string[]): string[] => {
  const rest = [...some]
  return all.filter((item) => {
    const at = rest.indexOf(item)
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
}

beforeAll(() => {
  rmSync(folder, { recursive: true, force: true })
  for (const name of ['ours', 'empty']) mkdirSync(join(folder, name, 'native'), { recursive: true })
  for (const file of readdirSync(join(root, 'native')).filter((file) => /\.(cc|h|gyp|json|map)$/.test(file)))
    copyFileSync(join(root, 'native', file), join(folder, 'ours/native', file))
  // An addon that asks for nothing: what is Node's own in every addon.
  writeFileSync(
    join(folder, 'empty/native/binding.gyp'),
    JSON.stringify({ targets: [{ target_name: 'ipvs', sources: ['empty.cc'] }] }),
  )
  output(bin('cmake-js'), ['compile', '--out', join(folder, 'cmake')])
})

test('the same sources, defines and flags', () => {
  const ours = gyp('ours')
  const empty = gyp('empty')
  const other = cmake()
  expect(ours.sources.length).toBeGreaterThan(5)
  expect(ours.sources).toEqual(other.sources)
  expect(without(ours.defines, empty.defines)).toEqual(without(other.defines, empty.defines))
  expect(other.flags.slice(0, 2)).toEqual(['-O3', '-fPIC'])
  for (const flag of ['-O3', '-fPIC']) expect(empty.flags).toContain(flag)
  expect(without(ours.flags, empty.flags)).toEqual(other.flags.slice(2))
})

test('the same symbols, which every supported Node has', () => {
  const prebuilt = join(inject('consumer'), 'node_modules/ipvs/prebuilds/linux-x64/ipvs.node')
  const built = join(folder, 'cmake/Release/ipvs.node')
  const names = (file: string, which: string): string[] =>
    output('nm', ['--dynamic', which, '--format=just-symbols', file]).trim().split('\n').sort()
  expect(names(prebuilt, '--defined-only')).toEqual(names(built, '--defined-only'))
  expect(names(prebuilt, '--undefined-only')).toEqual(names(built, '--undefined-only'))
  expect(output(process.execPath, ['scripts/symbols.mjs', prebuilt, built])).toMatch(/needs GLIBC_2\./)
})

const planted = `extern void uv_run(void), __strcpy_chk(void), napi_create_object(void), arc4random(void), elsewhere(void);
void napi_register_module_v1(void) { uv_run(), __strcpy_chk(), napi_create_object(), arc4random(), elsewhere(); }
void node_api_module_get_api_version_v1(void) {}
void another(void) {}
`

test.each([
  [
    '-nodefaultlibs',
    [
      'needs uv_run: libuv is not everywhere the one of Node',
      'needs __strcpy_chk: a fortified call, which musl does not have',
      'needs arc4random: new in GLIBC_2.36',
      'needs elsewhere: neither Node-API nor the C library has it',
      'exports another napi_register_module_v1 node_api_module_get_api_version_v1',
    ],
  ],
  ['-lc', ['needs the library libc.so.6', 'needs arc4random: newer than GLIBC_2.17']],
])('what does not belong is named: %s', (option, expected) => {
  const file = join(folder, `planted${option}.node`)
  const source = join(folder, 'planted.c')
  writeFileSync(source, planted)
  output('gcc', ['-shared', '-fPIC', '-Wno-builtin-declaration-mismatch', option, '-o', file, source])
  const { status, stderr } = run(process.execPath, ['scripts/symbols.mjs', file])
  expect(status).toBe(1)
  for (const fault of expected) expect(stderr).toContain(`${file} ${fault}\n`)
  expect(stderr).not.toContain('napi_create_object')
})
