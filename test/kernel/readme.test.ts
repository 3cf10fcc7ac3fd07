// The code of the README runs as it stands there.
// SPDX-License-Identifier: MIT

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ipvs } from './cli-run.ts'
import { type Namespace, namespace } from './namespace.ts'
import { at, blockWith, readme, shellBlocks, shellIn } from './readme-shell.ts'

/** Blocks of JavaScript under the heading that they stand under. */
const blocks = new Map<string, string[]>()
for (const section of readme.split(/^## /m).slice(1)) {
  const heading = section.slice(0, section.indexOf('\n'))
  const found = [...section.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code!)
  if (found.length > 0) blocks.set(heading, found)
}

const run = (netns: Namespace, code: string): string[] => {
  const script = join(mkdtempSync(join(tmpdir(), 'readme-')), 'snippet.mjs')
  const local = code
    .replaceAll(`'ipvs'`, `'${at('dist/index.js')}'`)
    .replaceAll(`'ipvs/testing'`, `'${at('dist/testing/index.js')}'`)
  writeFileSync(script, local)
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

test('VIPs and real servers', () => {
  const [director, server] = blocks.get('VIPs and real servers')!
  const netns = namespace()
  netns.exec('ip', 'link', 'add', 'eth0', 'type', 'veth')
  netns.exec('sh', '-c', 'for name in eth0 veth0; do ip link set $name up; done')
  expect(run(netns, director!)).toEqual(['192.0.2.10/32 eth0', '198.51.100.1/32 vips'])
  expect(netns.exec('ip', '-brief', 'address')).toMatch(/^eth0.*192\.0\.2\.10\/32/m)
  expect(netns.exec('ip', '-brief', 'link')).not.toContain('vips')
  const other = namespace()
  expect(run(other, server!)).toEqual(["[ { name: 'tunl0', up: true, before: 'down' } ]"])
  expect(other.exec('ip', '-brief', 'link')).not.toContain('ipvs-rs')
})

test('connections', () => {
  expect(run(seeded(), blocks.get('Connections')![0]!)).toEqual(['0'])
})

test('save and restore', () => {
  const netns = seeded()
  const before = netns.ipvsadm('-Sn')
  const printed = run(netns, blocks.get('Save and restore')![0]!)
  expect(printed).toEqual(expect.arrayContaining(before.trim().split('\n')))
  expect(netns.ipvsadm('-Sn')).toBe(before)
})

test('unit tests without a kernel', () => {
  const printed = run(namespace(), blocks.get('Unit tests without a kernel')![0]!)
  expect([printed[0], ...printed.slice(-2)]).toEqual(['waiting 3', 'drained 0', 'out-of-memory'])
})

test('doctor and sysctls', () => {
  const netns = seeded()
  const printed = run(netns, blocks.get('Doctor and sysctls')![0]!)
  expect(printed.filter((line) => line.startsWith('error '))).toHaveLength(2)
  expect(printed.slice(-8)).toEqual(
    [
      ...[
        'conntrack 0 0',
        'sloppy_tcp 0 1',
        'sloppy_sctp 0 1',
        'schedule_icmp 0 1',
        'expire_nodest_conn 0 1',
      ],
      ...['expire_quiescent_template 0 1', 'conn_reuse_mode 1 2'],
      '1',
    ].map((line) => (line === '1' ? line : `net.ipv4.vs.${line}`)),
  )
  expect(netns.read('/proc/sys/net/ipv4/vs/conn_reuse_mode')).toBe('1\n')
})

test('what the README shows of ipvs doctor is what it prints', async () => {
  const [, shown] = /```text\n\$ ipvs doctor\n(.*?)```/s.exec(readme)!
  expect((await ipvs(seeded(), ['doctor'])).out).toBe(shown)
})

test('whom a change moves', () => {
  const [, code] = /\n\n((?: {4}[^\n]*\n|\n)*? {4}impact\(before, after\)[^\n]*)/.exec(readme)!
  const printing = code!.replace(/^ {4}/gm, '').replace('impact(before', 'const change = impact(before')
  const asked = '\nconsole.log(change.excess, change.moved === change.minimum, change.moved > 0)'
  expect(run(namespace(), printing + asked)).toEqual(['0 true true'])
})

/** Shell lines that are not run here, and why. */
const elsewhere: readonly (readonly [string, string])[] = [
  ['npm install ipvs', 'needs a registry; test/package installs the tarball'],
  ['npm run demo', 'boots a machine of its own'],
  ['npm test', 'this is it'],
  ['real-server add', 'needs the modules: schedulers-pair.test.ts'],
  ['profile direct-return', 'the same'],
  ['vip add 192.0.2.10 --interface vips', 'the same'],
  ['nexthop', 'the same'],
  ['--interface eth0 --announce', 'the same'],
  ['doctor --shared', 'the same'],
  ['apt-get install', 'needs the network; what it installs is tested by npm run test:dkms'],
]

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
    ['VIPs and real servers', 2],
    ['Connections', 1],
    ['Save and restore', 1],
    ['Doctor and sysctls', 1],
    ['Unit tests without a kernel', 1],
  ])
})
