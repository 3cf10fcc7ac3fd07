// The code of the README runs as it stands there.
// SPDX-License-Identifier: MIT

import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { type Namespace, namespace } from './namespace.ts'

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const readme = readFileSync(at('README.md'), 'utf8')

/** Blocks of JavaScript under the heading that they stand under. */
const blocks = new Map<string, string[]>()
for (const section of readme.split(/^## /m).slice(1)) {
  const heading = section.slice(0, section.indexOf('\n'))
  const found = [...section.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code!)
  if (found.length > 0) blocks.set(heading, found)
}

const run = (netns: Namespace, code: string): string[] => {
  const script = join(mkdtempSync(join(tmpdir(), 'readme-')), 'snippet.mjs')
  writeFileSync(script, code.replaceAll(`'ipvs'`, `'${at('dist/index.js')}'`))
  return netns.exec(process.execPath, script).trimEnd().split('\n')
}

/** What the snippets about operation start from. */
const seeded = (): Namespace => {
  const netns = namespace()
  netns.ipvsadm('-A', '-t', '192.0.2.10:80', '-s', 'wrr')
  for (const host of [2, 3, 4])
    netns.ipvsadm('-a', '-t', '192.0.2.10:80', '-r', `10.0.0.${host}:80`, '-m', '-w', '10')
  return netns
}

test('the fifteen lines', () => {
  const [code] = blocks.get('Fifteen lines')!
  expect(code!.trim().split('\n').length).toBeLessThanOrEqual(16)
  const netns = namespace()
  expect(run(netns, code!)).toEqual(['10.0.0.4 10 0', '10.0.0.3 0 0', '10.0.0.2 10 0', 'service-exists'])
  expect(netns.ipvsadm('-Sn')).toContain('-a -t 192.0.2.10:80 -r 10.0.0.3:80 -m -w 0')
})

test('plan and apply, and what the README says that they print', () => {
  const [code] = blocks.get('Plan and apply')!
  const netns = namespace()
  const promised = code!.split('\n').flatMap((line) => (line.startsWith('// ') ? [line.slice(3)] : []))
  expect(promised.length).toBe(4)
  expect(run(netns, code!)).toEqual(promised)
  expect(netns.ipvsadm('-Sn').trim().split('\n')).toEqual([
    '-A -t 192.0.2.10:80 -s wrr',
    '-a -t 192.0.2.10:80 -r 10.0.0.2:80 -m -w 10',
    '-a -t 192.0.2.10:80 -r 10.0.0.3:80 -m -w 10',
  ])
})

test('reconcile', () => {
  const netns = namespace()
  const printed = run(netns, blocks.get('Plan and apply')![1]!)
  expect(printed.at(-1)).toMatch(/true$/)
  expect(netns.ipvsadm('-Sn')).toContain('-a -f 7 -r 10.0.0.2:0 -m -w 1')
})

test('drain, and a server kept for maintenance', () => {
  const netns = seeded()
  expect(run(netns, blocks.get('Drain')![0]!).at(-1)).toMatch(/^drained 0/)
  const rules = netns.ipvsadm('-Sn')
  expect(rules).not.toContain('10.0.0.3')
  expect(rules).toContain('-r 10.0.0.2:80 -m -w 10')
})

test('watch', () => {
  expect(run(seeded(), blocks.get('Watch')![0]!).at(-1)).toBe('192.0.2.10 80 undefined undefined')
})

test('save and restore', () => {
  const netns = seeded()
  const before = netns.ipvsadm('-Sn')
  const printed = run(netns, blocks.get('Save and restore')![0]!)
  expect(printed).toEqual(expect.arrayContaining(before.trim().split('\n')))
  expect(netns.ipvsadm('-Sn')).toBe(before)
})

test('whom a change moves', () => {
  const [, code] = /\n\n((?: {4}[^\n]*\n|\n)*? {4}impact\(before, after\)[^\n]*)/.exec(readme)!
  const printing = code!.replace(/^ {4}/gm, '').replace('impact(before', 'const change = impact(before')
  const asked = '\nconsole.log(change.excess, change.moved === change.minimum, change.moved > 0)'
  expect(run(namespace(), printing + asked)).toEqual(['0 true true'])
})

/** A folder whose `ipvs`, and `ipvsadm`, are the command line of this checkout. */
const commands = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'readme-bin-'))
  writeFileSync(
    join(folder, 'ipvs'),
    `#!/bin/sh\nexec ${process.execPath} ${at('dist/cli/main.js')} "$@"\n`,
    {
      mode: 0o755,
    },
  )
  symlinkSync('ipvs', join(folder, 'ipvsadm'))
  return folder
}

/** Blocks of shell lines: indented, and no JavaScript. */
const shellBlocks = [...readme.matchAll(/\n\n((?: {4}\S.*\n)+)/g)]
  .map(([, block]) => block!.replace(/^ {4}/gm, ''))
  .filter((block) => !/^import /.test(block))

const blockWith = (text: string): string => {
  const found = shellBlocks.filter((block) => block.includes(text))
  expect(found.length).toBe(1)
  return found[0]!
}

/** Shell lines that are not run here, and why. */
const elsewhere: readonly (readonly [string, string])[] = [
  ['git clone', 'needs the network; npm test itself begins with setup and build'],
  ['npm run demo', 'boots a machine of its own'],
  ['npm test', 'this is it'],
  ['apt-get install', 'needs the network; what it installs is tested by npm run test:dkms'],
]

/** Runs shell lines with our commands in front of all others. */
const shellIn = (netns: Namespace): ((script: string) => string) => {
  const folder = commands()
  return (script) => netns.exec('sh', '-ec', `PATH=${folder}:$PATH; cd ${folder}; ${script}`)
}

test('the command line in place of ipvsadm', () => {
  const netns = namespace()
  const shell = shellIn(netns)
  expect(shell(blockWith('ipvs -Ln'))).toContain('Prot LocalAddress:Port')
  expect(shell('ipvsadm -Sn')).toBe(netns.ipvsadm('-Sn'))
  expect(netns.ipvsadm('-Sn')).toContain('-a -t 192.0.2.10:80 -r 10.0.0.2:80 -m -w 10')
})

test('scripts of ipvsadm: by its name, or one file', () => {
  const shell = shellIn(seeded())
  const link = '/usr/local/sbin/ipvsadm'
  onTestFinished(() => rmSync(link, { force: true }))
  shell(blockWith('ln -s'))
  expect(shell(`${link} --version`)).toMatch(/^ipvs /)
  const FILE = '-A -t 192.0.2.10:80 -s wrr\n-a -t 192.0.2.10:80 -r 10.0.0.2:80 -m -w 7\n'
  expect(readme).toContain('`ipvs apply FILE`')
  shell(`printf %s '${FILE}' > FILE; ipvs apply FILE`)
  expect(shell('ipvs -Sn')).toBe(FILE)
})

test('a secret seed for the schedulers', () => {
  const file = '/etc/modprobe.d/ipvs-schedulers.conf'
  onTestFinished(() => rmSync(file, { force: true }))
  shellIn(namespace())(blockWith('modprobe.d'))
  const options = ['msh', 'maglev', 'hrw'].map((name) => `options ip_vs_${name} seed=0x243f6a8885a308d3\n`)
  expect(readFileSync(file, 'utf8')).toBe(options.join(''))
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('no shell line is left out', () => {
  const run = ['ipvs -Ln', 'ln -s', 'modprobe.d'].map(blockWith)
  const known = elsewhere.map(([text]) => blockWith(text))
  expect(shellBlocks.filter((block) => !run.includes(block) && !known.includes(block))).toEqual([])
  const { scripts } = JSON.parse(readFileSync(at('package.json'), 'utf8'))
  const named = [...readme.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name)
  expect(named.filter((name) => scripts[name!] === undefined)).toEqual([])
})

test('no snippet is left out', () => {
  expect([...blocks].map(([heading, { length }]) => [heading, length])).toEqual([
    ['Fifteen lines', 1],
    ['Plan and apply', 2],
    ['Drain', 1],
    ['Watch', 1],
    ['Save and restore', 1],
  ])
})
