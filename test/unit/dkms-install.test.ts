// make dkms-install: what it has DKMS do when nothing, the same sources or other ones are registered.
// SPDX-License-Identifier: MIT

import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const kmod = fileURLToPath(new URL('../../kmod', import.meta.url))
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const module = `ipvs-schedulers/${version}`

let folder: string
const at = (name: string) => join(folder, name)
const source = (file: string) => at(`usr/src/ipvs-schedulers-${version}/${file}`)

/** Like dkms 3.0.10 as far as it matters here: `status` is a file of lines, all else is written down. */
const dkms = `#!/bin/sh
case $1 in
status) if [ $# = 4 ]; then grep ", $4," "$STATE/status"; else cat "$STATE/status"; fi; exit 0 ;;
remove) : > "$STATE/status" ;;
install) echo "$2, $4, x86_64: installed" >> "$STATE/status" ;;
esac
echo "$@" >> "$STATE/calls"
`

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ipvs-unit-'))
  mkdirSync(at('bin'))
  writeFileSync(at('bin/dkms'), dkms)
  chmodSync(at('bin/dkms'), 0o755)
  writeFileSync(at('Makefile'), 'modules:\n\ttest ! -e $$STATE/broken\n') // All that is asked of the headers.
  writeFileSync(at('status'), '')
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Returns what dkms was asked to do, and what people are told. */
const install = (kernel: string) => {
  writeFileSync(at('calls'), '')
  const env = { ...process.env, PATH: `${at('bin')}${delimiter}${process.env.PATH}`, STATE: folder }
  const settings = [`DESTDIR=${folder}`, `KDIR=${folder}`, `KERNEL=${kernel}`]
  const out = execFileSync('make', ['-s', '-C', kmod, 'dkms-install', ...settings], { env, encoding: 'utf8' })
  const calls = readFileSync(at('calls'), 'utf8').trimEnd().split('\n').filter(Boolean)
  return { calls, said: out.split('\n').filter((line) => line.startsWith('ipvs-schedulers: ')) }
}

test('the first time it is registered; with the same sources only what is missing is built', () => {
  expect(install('6.1')).toEqual({ calls: [`add ${module}`, `install ${module} -k 6.1`], said: [] })
  expect(existsSync(source('dkms.conf'))).toBe(true)
  expect(install('6.1')).toEqual({ calls: [], said: [`ipvs-schedulers: ${version} is installed for 6.1`] })
  expect(install('6.12').calls).toEqual([`install ${module} -k 6.12`])
})

test('an installed file that is not the one built is replaced', () => {
  install('6.1')
  writeFileSync(
    at('status'),
    `${module}, 6.1, x86_64: installed (WARNING! Diff between built and installed module!)\n`,
  )
  expect(install('6.1').calls).toEqual([`install ${module} -k 6.1 --force`])
})

test.each(['changed', 'gone'])(
  'sources that are %s are registered anew, and built again for all kernels',
  (how) => {
    install('6.1')
    install('6.12')
    if (how === 'changed') appendFileSync(source('load.h'), '\n')
    else rmSync(source(''), { recursive: true })
    expect(install('6.12')).toEqual({
      calls: [
        `remove ${module} --all`,
        `add ${module}`,
        `install ${module} -k 6.12`,
        `install ${module} -k 6.1`,
      ],
      said: [
        `ipvs-schedulers: ${version} had other sources, built for: 6.1 6.12`,
        'ipvs-schedulers: building again for 6.1',
      ],
    })
    expect(readFileSync(source('load.h'), 'utf8')).toBe(readFileSync(join(kmod, 'load.h'), 'utf8'))
  },
)

test('sources that do not build take nothing away', () => {
  install('6.1')
  const old = `${readFileSync(source('load.h'), 'utf8')}\n`
  writeFileSync(source('load.h'), old)
  writeFileSync(at('broken'), '')
  expect(() => install('6.1')).toThrow('Error')
  expect(readFileSync(at('calls'), 'utf8')).toBe('')
  expect(readFileSync(source('load.h'), 'utf8')).toBe(old)
})
