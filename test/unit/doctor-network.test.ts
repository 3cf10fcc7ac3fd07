// The checks of doctor() about the network, on facts: forwarding, filters, tunnels, and a real server's ARP.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import { examine } from '../../lib/doctor/doctor.ts'
import type { Facts } from '../../lib/doctor/types.ts'
import { back, facts, front, ids, link, lo, only, routes, server, service } from './doctor-facts.ts'

test('a VIP is to be added to the link of its network, or to that of the default route', () => {
  const cure = (address: string, prefixLength: number) =>
    only({
      network: {
        links: [lo, front, back],
        addresses: [{ link: back, address, family: 'ipv4', prefixLength, scope: 0 }],
        routes: routes({ '192.0.2.10': { type: 'unicast' } }),
      },
    }).cure
  expect(cure('192.0.2.1', 24)).toBe('ip address add 192.0.2.10/32 dev back')
  expect(cure('192.0.2.1', 29)).toBe('ip address add 192.0.2.10/32 dev front')
  expect(cure('192.0.3.1', 23)).toBe('ip address add 192.0.2.10/32 dev back')
})

test.each([
  [{ type: 'ipip' }, 'ipv4', 1520],
  [{ type: 'ipip' }, 'ipv6', 1540],
  [{ type: 'gre', checksum: 'none' }, 'ipv4', 1524],
  [{ type: 'gre', checksum: 'plain' }, 'ipv4', 1528],
  [{ type: 'gue', port: 6080, checksum: 'none' }, 'ipv4', 1532],
  [{ type: 'gue', port: 6080, checksum: 'remote' }, 'ipv6', 1560],
] as const)('what fits into a tunnel: %j over %s needs %i', (tunnel, family, need) => {
  const services = [service([server({ forwarding: 'tunneling', tunnel, family })])]
  const at = (mtu: number): Partial<Facts> => ({
    services,
    network: { ...facts().network, routes: routes({ '10.0.0.1': { link: { ...back, mtu } } }) },
  })
  expect(only(at(need - 1))).toMatchObject({ id: 'tunnel-mtu', cure: `ip link set dev back mtu ${need}` })
  expect(ids(at(need))).toEqual([])
})

test('a tunnel without path MTU discovery fragments, and the largest need of a link counts', () => {
  const services = [
    service([
      server({ forwarding: 'tunneling', tunnel: { type: 'ipip' } }),
      server({ address: '10.0.0.2', forwarding: 'tunneling', tunnel: { type: 'gre', checksum: 'none' } }),
    ]),
  ]
  const found = only({ services, sysctls: { pmtu_disc: 0 } })
  expect(found.cure).toBe('ip link set dev back mtu 1524')
  expect(found.consequence).toContain('above 1476 bytes are sent in fragments')
  expect(found.evidence.at(-1)).toBe('tunneled: 10.0.0.1:80 of 192.0.2.10:80/tcp and 1 more')
})

test('the strict filter of a front link matters where the way back is another one', () => {
  const strict = new Map([['net.ipv4.conf.all.rp_filter', '1']])
  const outer = link('outer')
  const network = { ...facts().network, routes: routes({ '192.0.0.8': { link: outer } }) }
  expect(ids({ settings: strict })).toEqual([])
  expect(only({ settings: strict, network })).toMatchObject({
    id: 'reverse-path-filter',
    severity: 'warning',
    cure: 'sysctl -w net.ipv4.conf.front.rp_filter=2',
  })
  strict.set('net.ipv4.conf.front.rp_filter', '2')
  expect(ids({ settings: strict, network })).toEqual([])
})

const conf = (changes: Readonly<Record<string, string>>) =>
  new Map(Object.entries(changes).map(([name, value]) => [`net.ipv4.conf.${name}`, value]))

test('replies are forwarded by the setting of the link that they come in on', () => {
  const services = [service([server({ forwarding: 'masquerading' })])]
  const at = (forward: string, link: string) => ({
    services,
    settings: conf({ 'back.forwarding': link }).set('net.ipv4.ip_forward', forward),
  })
  expect(ids(at('0', '1'))).toEqual([])
  expect(ids(at('1', '1'))).toEqual([])
  expect(only(at('1', '0'))).toMatchObject({
    evidence: ['net.ipv4.conf.back.forwarding = 0', 'masqueraded: 10.0.0.1:80 of 192.0.2.10:80/tcp'],
    cure: 'sysctl -w net.ipv4.conf.back.forwarding=1',
  })
  expect(only(at('0', '0'))).toMatchObject({
    evidence: [
      'net.ipv4.conf.back.forwarding = 0',
      'net.ipv4.ip_forward = 0',
      'masqueraded: 10.0.0.1:80 of 192.0.2.10:80/tcp',
    ],
    cure: 'sysctl -w net.ipv4.ip_forward=1',
  })
})

test('a tunnel out of the link that clients come in by: what the link is enlarged by is not theirs', () => {
  const services = [service([server({ forwarding: 'tunneling', tunnel: { type: 'ipip' } })])]
  const at = (mtu: number): Partial<Facts> => {
    const only = link('only', { mtu })
    const addresses = facts().network.addresses.map((own) => ({ ...own, link: only }))
    return {
      services,
      network: { links: [lo, only], addresses, routes: routes({ '10.0.0.1': { link: only } }) },
    }
  }
  expect(only(at(1500))).toMatchObject({
    evidence: [
      'link only: mtu 1500, of which the tunnel takes 20',
      'clients come in on it as well: packets of up to 1500',
      'tunneled: 10.0.0.1:80 of 192.0.2.10:80/tcp',
    ],
    cure: 'ip link set dev only mtu 1520',
  })
  expect(ids(at(1520))).toEqual([])
  expect(only(at(1400)).cure).toBe('ip link set dev only mtu 1520')
  expect(ids(at(9000))).toEqual([])
})

/** A real server with the VIP on lo, and silent. */
const realServer = (changes: Partial<Facts> = {}, settings: Readonly<Record<string, string>> = {}) =>
  facts({
    services: [],
    connectionTableSize: 0,
    realServerOf: ['192.0.2.10'],
    settings: conf({ 'all.arp_ignore': '1', 'all.arp_announce': '2', ...settings }),
    ...changes,
    network: {
      ...facts().network,
      addresses: [{ link: lo, address: '192.0.2.10', family: 'ipv4', prefixLength: 32, scope: 0 }],
      ...changes.network,
    },
  })

/** By arp_ignore() of the kernel: [all.arp_ignore, front.arp_ignore, where the VIP is, its scope] and the cure. */
test.each([
  ['0', '0', 'lo', 0, 'sysctl -w net.ipv4.conf.all.arp_ignore=1'],
  ['1', '0', 'lo', 0, undefined],
  ['0', '2', 'lo', 0, 'sysctl -w net.ipv4.conf.all.arp_ignore=1'],
  ['2', '0', 'lo', 0, undefined],
  ['3', '3', 'lo', 0, 'sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.front.arp_ignore=1'],
  ['3', '0', 'lo', 254, undefined],
  ['1', '5', 'lo', 0, 'sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.front.arp_ignore=1'],
  ['8', '0', 'lo', 0, undefined],
  ['8', '0', 'front', 0, undefined],
  ['3', '0', 'front', 254, undefined],
  ['1', '0', 'front', 0, 'ipvs real-server add 192.0.2.10 && ip address del 192.0.2.10/32 dev front'],
  ['4', '0', 'front', 0, 'ipvs real-server add 192.0.2.10 && ip address del 192.0.2.10/32 dev front'],
] as const)('ARP with arp_ignore %s, %s, the VIP on %s with scope %i: %s', (all, own, place, scope, cure) => {
  const addresses = [
    { link: place === 'lo' ? lo : front, address: '192.0.2.10', family: 'ipv4', prefixLength: 32, scope },
  ] as const
  const found = examine(
    realServer(
      { network: { ...facts().network, addresses } },
      { 'all.arp_ignore': all, 'front.arp_ignore': own },
    ),
  )
  expect(found.map((each) => [each.id, each.cure])).toEqual(
    cure === undefined ? [] : [['vip-answers-arp', cure]],
  )
})

/** [all.rp_filter, addresses of the tunnel, VIPs] and what is found. */
test.each([
  ['0', [], ['192.0.2.10'], 'tunl0', undefined],
  ['1', ['192.0.2.10'], ['192.0.2.10'], 'tunl0', 'sysctl -w net.ipv4.conf.tunl0.rp_filter=2'],
  ['2', ['192.0.2.10'], ['192.0.2.10'], 'tunl0', undefined],
  [
    '1',
    [],
    ['2001:db8::10', '192.0.2.10'],
    'tunl0',
    'sysctl -w net.ipv4.conf.tunl0.rp_filter=2 && ip address add 192.0.2.10/32 dev tunl0 scope host',
  ],
  [
    '2',
    ['fe80::1'],
    ['192.0.2.10'],
    'tunl0',
    'sysctl -w net.ipv4.conf.tunl0.rp_filter=2 && ip address add 192.0.2.10/32 dev tunl0 scope host',
  ],
  ['1', [], ['2001:db8::10'], 'tunl0', undefined],
  ['1', [], ['192.0.2.10'], 'ip6tnl0', undefined],
])('a tunnel with rp_filter %s, addresses %j, for %j: %s', (filter, own, realServerOf, name, cure) => {
  const tunnel = link(name, { type: name === 'tunl0' ? 768 : 769, arp: false })
  const network = {
    links: [lo, front, tunnel],
    addresses: [
      { link: lo, address: '192.0.2.10', family: 'ipv4', prefixLength: 32, scope: 254 } as const,
      { link: lo, address: '2001:db8::10', family: 'ipv6', prefixLength: 128, scope: 254 } as const,
      ...own.map((address) => {
        const family = address.includes(':') ? ('ipv6' as const) : ('ipv4' as const)
        return { link: tunnel, address, family, prefixLength: 32, scope: 254 }
      }),
    ],
    routes: routes(),
  }
  const found = examine(realServer({ network, realServerOf }, { 'all.rp_filter': filter }))
  expect(found.map((each) => [each.id, each.cure])).toEqual(
    cure === undefined ? [] : [['reverse-path-filter', cure]],
  )
})
