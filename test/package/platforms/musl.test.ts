// The same addon where musl is the C library: in Bun, whose build for musl npm has (none of Node is there).
// SPDX-License-Identifier: MIT
//
// Alpine has a libstdc++ made for musl; Debian has none, so that one is linked here of the archive that Debian has.

import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, inject, test } from 'vitest'
import { output, run } from '../tools.ts'
import { answer, fetched, imported, required } from './fetch.ts'

const libraries = mkdtempSync(join(inject('scratch'), 'musl-'))

beforeAll(() => {
  const shim = join(import.meta.dirname, 'musl.c')
  output('musl-gcc', ['-shared', '-fPIC', '-O1', '-o', join(libraries, 'shim.so'), shim])
  const part = (name: string): string => output('gcc', [`-print-file-name=${name}`]).trim()
  const whole = ['-Wl,--whole-archive', part('libstdc++.a'), '-Wl,--no-whole-archive']
  const linked = [part('crtbeginS.o'), ...whole, part('libgcc_eh.a'), part('libgcc.a'), part('crtendS.o')]
  const options = [
    '-shared',
    '-nostdlib',
    '-Wl,-soname,libstdc++.so.6',
    '-Wl,--unresolved-symbols=ignore-all',
  ]
  output('gcc', [...options, '-o', join(libraries, 'libstdc++.so.6'), ...linked])
})

const musl = (...args: string[]) => {
  const bun = fetched('@oven/bun-linux-x64-musl-baseline', '1', 'bin/bun')
  // musl's loader is a program: what it is given runs with musl's libc and no other.
  return run('/lib/ld-musl-x86_64.so.1', [bun, ...args], {
    cwd: inject('consumer'),
    env: { ...process.env, LD_PRELOAD: join(libraries, 'shim.so'), LD_LIBRARY_PATH: libraries },
  })
}

test.each([
  ['import', imported],
  ['require', required],
])('%s', (_, script) => {
  expect(musl('-e', script)).toEqual({ ...answer, stderr: '' })
})

test('and no other C library is there', () => {
  const script = `require('ipvs').predict('msh', [])
console.log(require('node:fs').readFileSync('/proc/self/maps', 'utf8'))`
  const { stdout } = musl('-e', script)
  expect(stdout).toMatch(/musl.*libc\.so|ld-musl/)
  expect(stdout).toContain('prebuilds/linux-x64/ipvs.node')
  expect(stdout).not.toMatch(/libc\.so\.6|libc-2/)
})
