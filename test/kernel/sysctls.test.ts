// Sysctls and profiles on the real kernel: every one of this kernel is known, typed, set in its namespace, and undone.
// SPDX-License-Identifier: MIT

import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  applyProfile,
  compareProfile,
  getSysctl,
  profile,
  readSysctls,
  type SysctlName,
  setSysctl,
  sysctls,
} from '../../lib/index.ts'
import { writeSettings } from '../../lib/sysctls.ts'
import { ipvs } from './cli-run.ts'
import { namespace, open, since } from './namespace.ts'

const folder = '/proc/sys/net/ipv4/vs'

/** The values of a fresh namespace, as a process inside reads them. */
const fresh = async () => {
  const netns = namespace()
  await open(netns.path)
  const lines = netns.exec('sh', '-c', `cd ${folder} && grep -r . .`).trim().split('\n')
  const texts = new Map(lines.map((line) => /^\.\/(\w+):(.*)$/.exec(line)!.slice(1) as [string, string]))
  return { netns, where: { netns: netns.path }, texts }
}

test('every sysctl of this kernel is known, with its default, and those that are newer are not there', async () => {
  const { netns, where, texts } = await fresh()
  const names = netns.exec('ls', folder).trim().split('\n')
  expect(names.filter((name) => !(name in sysctls))).toEqual([])
  const values: Record<string, unknown> = await readSysctls(where)
  expect(Object.keys(values).sort()).toEqual(names.sort())
  for (const [name, { default: initial, since: version }] of Object.entries(sysctls)) {
    if (!names.includes(name)) continue
    expect(String(values[name]).replace(',', ' '), name).toBe((texts.get(name) ?? '').replace('\t', ' '))
    if (initial !== null) expect(values[name], name).toEqual(initial)
    if (/^\d+\.\d+$/.test(version)) expect(since(version as '6.1'), name).toBe(true)
  }
  // Those of modules that are not loaded, and of a debugging kernel, may be missing.
  const optional = ['lblc_expiration', 'lblcr_expiration', 'debug_level']
  const lacking = Object.entries(sysctls).filter(
    ([name]) => !names.includes(name) && !optional.includes(name),
  )
  for (const [name, { since: version }] of lacking) {
    expect(version, name).toMatch(/^\d+\.\d+$/)
    expect(since(version as '6.1'), name).toBe(false)
  }
})

test('each can be set to the ends of its range, in its namespace only', async () => {
  const { netns, where } = await fresh()
  const own = () => execFileSync('sh', ['-c', `cd ${folder} && grep -r . . | sort`], { encoding: 'utf8' })
  const before = own()
  const set: string[] = []
  for (const name of readdirSync(folder) as SysctlName[]) {
    const { range } = sysctls[name]
    if (range === null || name === 'sync_threshold' || name === 'debug_level') continue
    if (name === 'sync_qlen_max') continue // its end is that of a number here, not of the kernel
    for (const value of range) {
      await setSysctl(name, value as never, where)
      // A defence in its automatic mode may show that it is at work.
      expect(await getSysctl(name, where), name).toBe(value)
    }
    set.push(name)
  }
  expect(set.length).toBeGreaterThan(20)
  await setSysctl('sync_threshold', [0, 7], where)
  await setSysctl('sync_qlen_max', 5000, where)
  expect(netns.read(`${folder}/sync_threshold`)).toBe('0\t7\n')
  expect(await getSysctl('sync_threshold', where)).toEqual([0, 7])
  expect(await getSysctl('sync_qlen_max', where)).toBe(5000)
  expect(own()).toBe(before)
})

test('the processors of estimation', { skip: !since('6.2') }, async () => {
  const { where } = await fresh()
  await setSysctl('est_cpulist', '0', where)
  expect(await getSysctl('est_cpulist', where)).toBe('0')
})

test('a profile is set, shows before and after, and is undone', async () => {
  const { where, texts } = await fresh()
  const entries = profile('direct-return')
  const planned = await compareProfile(entries, where)
  const { changes, undo } = await applyProfile(entries, where)
  expect(changes).toEqual(planned)
  expect(changes.map(({ sysctl, before, after }) => [sysctl.slice(12), before, after])).toEqual([
    ['conntrack', '0', '0'],
    ['sloppy_tcp', '0', '1'],
    ['sloppy_sctp', '0', '1'],
    ['schedule_icmp', '0', '1'],
    ['expire_nodest_conn', '0', '1'],
    ['expire_quiescent_template', '0', '1'],
    ['conn_reuse_mode', '1', '2'],
  ])
  expect(await readSysctls(where)).toMatchObject({ sloppy_tcp: 1, conn_reuse_mode: 2 })
  expect((await applyProfile(entries, where)).changes.every(({ before, after }) => before === after)).toBe(
    true,
  )
  await undo()
  const after = await readSysctls(where)
  expect(String(after.conn_reuse_mode)).toBe(texts.get('conn_reuse_mode'))
  expect(after.sloppy_tcp).toBe(0)
})

test('a profile is refused where there is no sysctl of IPVS, with nothing changed', async () => {
  const { netns } = await fresh()
  // Another file system in the way, for this one process: its kernel seems to lack them all.
  const hidden = 'mount -t tmpfs none /proc/sys/net/ipv4/vs && exec "$@"'
  const command = ['sysctl', 'profile', 'kubernetes', '--apply']
  const argv = [
    'unshare',
    '--mount',
    'sh',
    '-c',
    hidden,
    'sh',
    process.execPath,
    'dist/cli/main.js',
    ...command,
  ]
  const { status, stdout, stderr } = spawnSync('ip', ['netns', 'exec', netns.name, ...argv], {
    encoding: 'utf8',
  })
  expect({ status, stdout, stderr }).toEqual({
    status: 1,
    stdout: '',
    stderr: 'ipvs: no sysctl net.ipv4.vs.conntrack here (since Linux 2.6.37; is ip_vs loaded?)\n',
  })
  expect(netns.read('/proc/sys/net/ipv4/ip_forward')).toBe('0\n')
})

test('all or none: where the kernel refuses one, those before it are as they were', async () => {
  const { where } = await fresh()
  const settings = [
    { sysctl: 'net.ipv4.vs.sloppy_tcp', value: '1' },
    { sysctl: 'net.ipv4.vs.nosuch', value: '1' },
  ]
  expect(() => writeSettings(settings, where)).toThrow("unknown field 'nosuch'")
  const refused = [settings[0]!, { sysctl: 'net.ipv4.ip_default_ttl', value: '999' }]
  expect(() => writeSettings(refused, where)).toThrow(
    'cannot write /proc/sys/net/ipv4/ip_default_ttl: EINVAL',
  )
  const absent = [settings[0]!, { sysctl: 'net.ipv4.no_such', value: '1' }]
  expect(() => writeSettings(absent, where)).toThrow('no sysctl net.ipv4.no_such here')
  expect(await getSysctl('sloppy_tcp', where)).toBe(0)
})

test('ipvs sysctl', async () => {
  const { netns } = await fresh()
  const list = (await ipvs(netns, ['sysctl'])).out
  expect(list).toMatch(/^conn_reuse_mode +1 +1 +4\.1 +a SYN of a port used before/m)
  const set = ['sysctl', 'set', 'conn_reuse_mode=0', 'net.ipv4.ip_forward=1', 'sync_threshold=5 60']
  expect(await ipvs(netns, set)).toEqual({
    status: 0,
    out: 'net.ipv4.vs.conn_reuse_mode: 1 → 0\nnet.ipv4.ip_forward: 0 → 1\nnet.ipv4.vs.sync_threshold: 3 50 → 5 60\n',
    err: '',
  })
  expect((await ipvs(netns, ['sysctl', 'get', 'net.ipv4.vs.conn_reuse_mode', 'sync_threshold'])).out).toBe(
    'net.ipv4.vs.conn_reuse_mode = 0\nnet.ipv4.vs.sync_threshold = 5 60\n',
  )
  const shown = await ipvs(netns, ['sysctl', 'profile', 'kubernetes', '--kernel', '5.4.0'])
  expect(shown.out).toContain('net.ipv4.vs.conn_reuse_mode: 0\n    before Linux 5.9')
  const applied = (await ipvs(netns, ['sysctl', 'profile', 'kubernetes', '--apply'])).out
  const undo = /^undo: ipvs (sysctl set .*) --netns \S+$/m.exec(applied)![1]!
  expect(await ipvs(netns, ['sysctl', 'get', 'conntrack'])).toMatchObject({
    out: 'net.ipv4.vs.conntrack = 1\n',
  })
  expect((await ipvs(netns, undo.split(' '))).status).toBe(0)
  const values = JSON.parse((await ipvs(netns, ['sysctl', '--json'])).out) as {
    sysctl: string
    value: unknown
  }[]
  const of = (name: string) => values.find(({ sysctl }) => sysctl === `net.ipv4.vs.${name}`)?.value
  expect([of('conntrack'), of('conn_reuse_mode'), of('sync_threshold')]).toEqual([0, 0, [5, 60]])
  expect(readFileSync(`${folder}/conn_reuse_mode`, 'utf8')).toBe('1\n')
})

test('ipvs doctor', async () => {
  const { netns } = await fresh()
  expect(await ipvs(netns, ['doctor'])).toEqual({ status: 0, out: 'nothing found\n', err: '' })
  netns.ipvsadm('-A', '-t', '192.0.2.10:80')
  netns.exec('sysctl', '-qw', 'net.ipv4.vs.conn_reuse_mode=0')
  const { status, out } = await ipvs(netns, ['doctor'])
  expect(status).toBe(3)
  expect(out).toMatch(
    /^error: vip-missing\n {2}evidence: {4}192\.0\.2\.10 is no .*\n {2}consequence: .*\n {2}cure: {8}ip address add /,
  )
  expect(out).toContain('1 error, 1 warning, 0 notices\n')
  const found = JSON.parse((await ipvs(netns, ['doctor', '--json', '--shared'])).out) as { id: string }[]
  expect(found.map(({ id }) => id)).toEqual(['port-reuse-old-server'])
  expect(await ipvs(netns, ['doctor', '--real-server-of', '192.0.2.10'])).toMatchObject({ status: 3 })
})
