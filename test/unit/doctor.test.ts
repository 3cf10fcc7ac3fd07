// The checks of doctor() on facts: what depends on the kernel's version, on numbers, or on what no machine here has.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import { doctor, examine } from '../../lib/doctor/doctor.ts'
import type { Facts } from '../../lib/doctor/types.ts'
import { facts, ids, only, routes, server, service } from './doctor-facts.ts'

test('a healthy director has no findings', () => {
  expect(ids({})).toEqual([])
})

const quiesced = [service([server({ weight: 0 }), server({ address: '10.0.0.2' })])]

/** Both sides of the trade: [kernel, conntrack, conn_reuse_mode] and what is found, without and with a quiesced server. */
test.each([
  ['4.0.9', 1, undefined, [], []],
  ['5.4.0-216-generic', 1, 1, ['port-reuse-delay'], ['port-reuse-delay']],
  ['5.4.0-216-generic', 1, 2, ['port-reuse-delay'], ['port-reuse-delay']],
  ['5.4.0-216-generic', 0, 1, [], []],
  ['5.4.0-216-generic', 1, 0, [], ['port-reuse-old-server']],
  ['5.4.0-216-generic', 0, 0, ['port-reuse-old-server'], ['port-reuse-old-server']],
  ['5.8.18', 1, 1, ['port-reuse-delay'], ['port-reuse-delay']],
  ['5.9.0', 1, 1, [], []],
  ['5.10.0-46-amd64', 1, 1, [], []],
  ['5.10.0-46-amd64', 1, 0, ['port-reuse-old-server'], ['port-reuse-old-server']],
  ['6.1.0-56-amd64', 1, 1, [], []],
  ['6.1.0-56-amd64', 1, 0, ['port-reuse-old-server'], ['port-reuse-old-server']],
  ['6.1.0-56-amd64', 0, 2, [], []],
  ['7.2.12+deb13-amd64', 1, 1, [], []],
  ['7.2.12+deb13-amd64', 1, 0, ['port-reuse-old-server'], ['port-reuse-old-server']],
  ['7.3', 0, 0, ['port-reuse-old-server'], ['port-reuse-old-server']],
] as const)(
  'ports used again on %s, conntrack %s, conn_reuse_mode %s',
  (kernel, conntrack, mode, usual, draining) => {
    const sysctls = { conntrack, conn_reuse_mode: mode, run_estimation: 1 }
    expect(ids({ kernel, sysctls })).toEqual(usual)
    expect(ids({ kernel, sysctls, services: quiesced })).toEqual(draining)
    const udp = { ...service(), protocol: 'udp' } as Facts['services'][number]
    expect(ids({ kernel, sysctls, services: [udp] })).toEqual([])
  },
)

test('each cure of a port used again leads to a state where the other side is not found', () => {
  const old = { kernel: '5.4.0' }
  const delay = only({ ...old, sysctls: { conntrack: 1, conn_reuse_mode: 1 } })
  expect(delay).toMatchObject({
    evidence: ['kernel 5.4.0', 'net.ipv4.vs.conn_reuse_mode = 1', 'net.ipv4.vs.conntrack = 1'],
    cure: 'sysctl -w net.ipv4.vs.conn_reuse_mode=0',
  })
  expect(delay.price).toContain('quiesced or dead')
  expect(ids({ ...old, sysctls: { conntrack: 1, conn_reuse_mode: 0 } })).toEqual([])
  const stuck = only({ ...old, sysctls: { conntrack: 1, conn_reuse_mode: 0 }, services: quiesced })
  expect(stuck).toMatchObject({
    cure: 'ipvs drain -t 192.0.2.10:80 -r 10.0.0.1:80 --deadline 600',
    price: expect.stringContaining('costs such a client a second'),
  })
  expect(only({ sysctls: { conn_reuse_mode: 0 } }).cure).toBe('sysctl -w net.ipv4.vs.conn_reuse_mode=1')
})

const daemons = [{ state: 'master', interface: 'back', syncId: 0 }] as const

test.each([
  ['wlc', true, [], 'error'],
  ['sh', true, [], 'error'],
  ['mh', true, daemons, 'warning'],
  ['dh', false, daemons, 'warning'],
  ['wlc', true, daemons, undefined],
  ['wlc', false, [], undefined],
  ['maglev', true, [], undefined],
  ['hrw', true, [], undefined],
] as const)('directors that share a VIP: %s, said %s, daemons %j', (scheduler, shared, daemons, severity) => {
  const services = [service(undefined, { scheduler, schedulerFlags: ['fallback'] })]
  const sysctls = { sloppy_tcp: 1, schedule_icmp: 1 }
  const found = examine(facts({ services, shared, daemons, sysctls }))
  expect(found.map((each) => each.severity)).toEqual(severity === undefined ? [] : [severity])
  for (const { id, cure } of found) {
    expect(id).toBe('directors-disagree')
    expect(cure).toBe('ipvs -E -t 192.0.2.10:80 -s maglev -b flag-1')
  }
})

test('a takeover needs sloppy_tcp, and schedule_icmp', () => {
  const services = [service(undefined, { scheduler: 'maglev' })]
  const sysctls = { sloppy_tcp: 0, schedule_icmp: 0 }
  expect(ids({ services, shared: true, sysctls })).toEqual(['takeover-refused', 'icmp-not-scheduled'])
  expect(ids({ services, sysctls })).toEqual([])
})

test('a VIP that another director may have is not missed', () => {
  const network = {
    ...facts().network,
    addresses: [],
    routes: routes({ '192.0.2.10': { type: 'unicast' } }),
  }
  expect(ids({ network })).toEqual(['vip-missing'])
  const services = [service(undefined, { scheduler: 'maglev' })]
  expect(ids({ network, services, shared: true, sysctls: { sloppy_tcp: 1, schedule_icmp: 1 } })).toEqual([])
})

test('a module that is missing: how it is to be had depends on whose it is', () => {
  const missing = { kernel: '6.9.9', running: false, listed: false, file: undefined }
  const cures = (scheduler: string, changes = {}) =>
    only({ schedulers: [{ ...missing, scheduler, ...changes }] })
  expect(cures('maglev')).toMatchObject({
    severity: 'warning',
    evidence: ['/lib/modules/6.9.9/modules.dep: no ip_vs_maglev'],
    cure: 'ipvs dkms install --kernel 6.9.9',
  })
  expect(cures('twos').cure).toBe('apt-get install linux-modules-extra-6.9.9')
  expect(cures('maglev', { running: true, file: '/x.ko' })).toMatchObject({
    severity: 'error',
    cure: 'depmod 6.9.9',
  })
})

test('what adding up counters costs, by kernel', () => {
  const many = { limits: { ...facts().limits, estimatorReads: 8 } }
  expect(only({ ...many, sysctls: { run_estimation: 1 } })).toMatchObject({
    severity: 'warning',
    evidence: [expect.stringContaining('3 services and real servers'), expect.any(String)],
    cure: 'sysctl -w net.ipv4.vs.run_estimation=0',
  })
  expect(ids({ ...many, sysctls: { run_estimation: 0 } })).toEqual([])
  expect(ids({ sysctls: { run_estimation: 0 } })).toEqual(['estimation-off'])
  expect(ids({ ...many, sysctls: {} })).toEqual([]) // before 5.16 there is nothing to be done
  const threads = { ...many, kernel: '6.12.1' }
  expect(only({ ...threads, sysctls: { run_estimation: 1, est_nice: 0 } })).toMatchObject({
    severity: 'notice',
    cure: 'sysctl -w net.ipv4.vs.est_nice=10',
  })
  expect(ids({ ...threads, sysctls: { run_estimation: 1, est_nice: 10 } })).toEqual([])
})

const busy = (activeConns: number) => [service([server({ activeConns })])]

test('a connection table is small by what is in it', () => {
  const services = [service([server({ activeConns: 8000, inactiveConns: 190, persistentConns: 3 })])]
  expect(only({ services })).toMatchObject({
    evidence: ['4096 buckets (conn_tab_bits of ip_vs is 12)', '8193 connections'],
    cure: 'echo options ip_vs conn_tab_bits=14 > /etc/modprobe.d/ipvs-conn-tab-bits.conf',
  })
  expect(ids({ services, connectionTableSize: 16_384 })).toEqual([])
})

test.each([
  ['5.10.0', 12, 9_000_000, 20],
  ['5.10.0', 20, 9_000_000, undefined],
  ['6.1.0', 22, 9_000_000, 24],
  ['6.12.0', 20, 9_000_000, 24],
  ['6.12.0', 27, 300_000_000, undefined],
])('%s with a table of 2^%i and %i connections: conn_tab_bits %s', (kernel, bits, connections, advised) => {
  const found = examine(facts({ kernel, connectionTableSize: 2 ** bits, services: busy(connections) }))
  expect(found.map(({ cure }) => /conn_tab_bits=(\d+) /.exec(cure)?.[1])).toEqual(
    advised === undefined ? [] : [`${advised}`],
  )
})

test('a connection table that grows is small where it grows no more, and more is not meant', () => {
  const at = (conn_lfactor: number): Partial<Facts> => ({
    kernel: '7.2.12+deb13-amd64',
    services: busy(9000),
    sysctls: { conn_lfactor },
  })
  expect(only(at(-4)).evidence[0]).toBe(
    '4096 buckets, grown no further (conn_tab_bits of ip_vs limits that; conn_lfactor is -4)',
  )
  expect(ids(at(2))).toEqual([])
})

test('conntrack near its limit, here and in another namespace', () => {
  const settings = new Map([
    ['net.netfilter.nf_conntrack_count', '900'],
    ['net.netfilter.nf_conntrack_max', '1000'],
  ])
  expect(only({ settings }).cure).toBe('sysctl -w net.netfilter.nf_conntrack_max=2048')
  expect(only({ settings, elsewhere: true }).cure).toMatch(/^nsenter --net=\/proc\/1\/ns\/net sysctl /)
  settings.set('net.netfilter.nf_conntrack_count', '899')
  expect(ids({ settings })).toEqual([])
})

test('the gravest first', () => {
  const severities = examine(
    facts({
      sysctls: { conn_reuse_mode: 0, run_estimation: 0 },
      settings: new Map([['net.ipv4.conf.back.forwarding', '0']]),
      services: [service([server({ forwarding: 'masquerading' })])],
    }),
  ).map(({ severity }) => severity)
  expect(severities).toEqual(['error', 'warning', 'notice'])
})

test.each([
  [{ share: true }, TypeError, "options: unknown field 'share'; did you mean shared?"],
  [{ shared: 1 }, TypeError, 'options.shared: expected true or false'],
  [{ realServerOf: ['x'] }, RangeError, 'options.realServerOf[0]: not an IPv4'],
  [{ schedulers: ['a b'] }, RangeError, 'options.schedulers[0]: white space'],
  [{ limits: { conntrackFill: -1 } }, RangeError, 'options.limits.conntrackFill: expected a number'],
  [{ limits: { fill: 1 } }, TypeError, "options.limits: unknown field 'fill'"],
])('options that cannot be: %j', async (options, kind, text) => {
  const error = await doctor(options as never).catch((reason) => reason)
  expect(error).toBeInstanceOf(kind)
  expect(error.message).toContain(text)
})
