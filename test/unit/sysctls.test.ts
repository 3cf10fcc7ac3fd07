// Sysctls and profiles without IPVS: what is refused before anything is written, and what a profile holds.
// SPDX-License-Identifier: MIT

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { before } from '../../lib/kernel-version.ts'
import { type ProfileName, profile } from '../../lib/profile.ts'
import { confOf, getSysctl, pathOf, readSettings, setSysctl, writeSettings } from '../../lib/sysctls.ts'
import { sysctls } from '../../lib/sysctls-table.ts'

test.each([
  ['conn_reuse_mod', 1, TypeError, "unknown field 'conn_reuse_mod'; did you mean conn_reuse_mode?"],
  ['conn_reuse_mode', 4, RangeError, 'conn_reuse_mode: expected an integer 0..3, got 4'],
  ['conn_reuse_mode', '1', TypeError, 'conn_reuse_mode: expected a number'],
  ['sloppy_tcp', 2, RangeError, 'sloppy_tcp: expected an integer 0..1, got 2'],
  ['est_nice', -21, RangeError, 'est_nice: expected an integer -20..19'],
  ['sync_ports', 3, RangeError, 'sync_ports: expected a power of two, got 3'],
  ['sync_threshold', 3, TypeError, 'sync_threshold: expected [threshold, period]'],
  ['sync_threshold', [5, 5], RangeError, 'sync_threshold: threshold 5 is not below period 5'],
  ['est_cpulist', 'a;b', TypeError, 'est_cpulist: expected a list of processors'],
] as const)('%s = %j is refused', async (name, value, kind, text) => {
  const error = await setSysctl(name as never, value as never).catch((reason) => reason)
  expect(error).toBeInstanceOf(kind)
  expect(error.message).toContain(text)
})

test('a namespace that is not there is an error with a code', async () => {
  const error = await getSysctl('sloppy_tcp', { netns: '/no/such' }).catch((reason) => reason)
  expect(error).toMatchObject({
    code: 'ENOENT',
    message: 'cannot enter the network namespace /no/such (open: ENOENT)',
  })
})

test('names of interfaces may have dots', () => {
  expect(pathOf(confOf('ipv4', 'eth0.100', 'rp_filter'))).toBe('/proc/sys/net/ipv4/conf/eth0.100/rp_filter')
  expect(confOf('ipv4', 'eth0.100', 'rp_filter')).toBe('net.ipv4.conf.eth0/100.rp_filter')
})

test('settings are read as they stand in the file', () => {
  const [host, none] = readSettings(['kernel.ostype', 'net.no.such'])
  expect(host).toBe(readFileSync('/proc/sys/kernel/ostype', 'utf8').trim())
  expect(none).toBeUndefined()
})

test('what does not begin with net. is not written', () => {
  expect(() => writeSettings([{ sysctl: 'kernel.panic', value: '1' }])).toThrow(TypeError)
  expect(() => writeSettings([{ sysctl: 'net.ipv4.vs.sloppy_tcp', value: 'x' }])).toThrow('expected a number')
})

test('what is named twice is not written', () => {
  const settings = ['1', '0'].map((value) => ({ sysctl: 'net.ipv4.vs.conntrack', value }))
  expect(() => writeSettings(settings)).toThrow('net.ipv4.vs.conntrack: given more than once')
})

test('every sysctl says what it is', () => {
  for (const [name, { meaning, since, range, default: initial }] of Object.entries(sysctls)) {
    expect(meaning.length, name).toBeGreaterThan(20)
    expect(since, name).toMatch(/^\d+\.\d+(\.\d+)?$/)
    if (range !== null && typeof initial === 'number') {
      expect(initial).toBeGreaterThanOrEqual(range[0])
      expect(initial).toBeLessThanOrEqual(range[1])
    }
  }
  expect(Object.keys(sysctls)).toHaveLength(35)
})

const values = (name: ProfileName, kernel: string, strictArp = false) =>
  Object.fromEntries(profile(name, { kernel, strictArp }).map(({ sysctl, value }) => [sysctl, value]))

test('direct-return', () => {
  expect(values('direct-return', '6.1.0')).toEqual({
    'net.ipv4.vs.conntrack': '0',
    'net.ipv4.vs.sloppy_tcp': '1',
    'net.ipv4.vs.sloppy_sctp': '1',
    'net.ipv4.vs.schedule_icmp': '1',
    'net.ipv4.vs.expire_nodest_conn': '1',
    'net.ipv4.vs.expire_quiescent_template': '1',
    'net.ipv4.vs.conn_reuse_mode': '2',
  })
})

test('kubernetes follows kube-proxy, by kernel', () => {
  expect(values('kubernetes', '5.4.0')['net.ipv4.vs.conn_reuse_mode']).toBe('0')
  expect(values('kubernetes', '5.9.0')['net.ipv4.vs.conn_reuse_mode']).toBe('1')
  expect(values('kubernetes', '7.2.12+deb13', true)).toEqual({
    'net.ipv4.vs.conntrack': '1',
    'net.ipv4.vs.conn_reuse_mode': '1',
    'net.ipv4.vs.expire_nodest_conn': '1',
    'net.ipv4.vs.expire_quiescent_template': '1',
    'net.ipv4.ip_forward': '1',
    'net.ipv4.conf.all.arp_ignore': '1',
    'net.ipv4.conf.all.arp_announce': '2',
  })
})

test('what a profile is not', () => {
  expect(() => profile('nat' as never)).toThrow('name: expected direct-return, kubernetes')
  expect(() => profile('kubernetes', { kernal: '6.1' } as never)).toThrow('did you mean kernel?')
  expect(() => profile('kubernetes', { strictArp: 1 } as never)).toThrow('options.strictArp')
})

test('releases', () => {
  expect(
    ['4.19.1', '5.8.18', '5.9.0-rc1', '5.10.0', '6.1', 'odd'].map((each) => before(each, '5.9')),
  ).toEqual([true, true, false, false, false, false])
})
