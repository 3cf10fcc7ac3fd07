// Real servers that client and ipvsadm must mean alike: data for interop.test.ts.
// SPDX-License-Identifier: MIT

import { type Case, type Group, group, one, web, web6 } from './interop-case.ts'

const destinations: readonly Case[] = [
  {
    name: 'masquerading to other ports, two of one address, one of the director itself',
    service: { ...web, scheduler: 'rr' },
    destinations: [
      { ...one, port: 8080, forwarding: 'masquerading' },
      { ...one, port: 1, forwarding: 'masquerading' },
      { ...one, port: 65535, forwarding: 'masquerading', weight: 2 },
      { address: '127.0.0.1', port: 8080, forwarding: 'masquerading' },
      // The kernel finds out per packet that this is the director (since 2.6.37) and stores what it was told.
      { address: '127.0.0.2', forwarding: 'direct-routing' },
    ],
    rules: [
      '-A -t 192.0.2.10:80 -s rr',
      '-a -t 192.0.2.10:80 -r 10.0.0.1:8080 -m -w 1',
      '-a -t 192.0.2.10:80 -r 10.0.0.1:1 -m -w 1',
      '-a -t 192.0.2.10:80 -r 10.0.0.1:65535 -m -w 2',
      '-a -t 192.0.2.10:80 -r 127.0.0.1:8080 -m -w 1',
      '-a -t 192.0.2.10:80 -r 127.0.0.2:80 -g -w 1',
    ],
  },
  {
    name: 'weights up to the largest',
    service: { ...web, scheduler: 'wrr' },
    destinations: [0, 1, 65535, 65536, 2147483647].map((weight, i) => ({
      address: `10.0.0.${i + 1}`,
      weight,
    })),
    rules: [
      '-A -t 192.0.2.10:80 -s wrr',
      '-a -t 192.0.2.10:80 -r 10.0.0.1:80 -g -w 0',
      '-a -t 192.0.2.10:80 -r 10.0.0.2:80 -g -w 1',
      '-a -t 192.0.2.10:80 -r 10.0.0.3:80 -g -w 65535',
      '-a -t 192.0.2.10:80 -r 10.0.0.4:80 -g -w 65536',
      '-a -t 192.0.2.10:80 -r 10.0.0.5:80 -g -w 2147483647',
    ],
  },
  {
    name: 'thresholds up to the largest',
    service: { ...web, scheduler: 'rr' },
    destinations: [
      { address: '10.0.0.1', upperThreshold: 100, lowerThreshold: 50 },
      { address: '10.0.0.2', upperThreshold: 1 },
      { address: '10.0.0.3', upperThreshold: 65536, lowerThreshold: 65535 },
      { address: '10.0.0.4', upperThreshold: 2147483647, lowerThreshold: 2147483647 },
    ],
    rules: [
      '-A -t 192.0.2.10:80 -s rr',
      '-a -t 192.0.2.10:80 -r 10.0.0.1:80 -g -w 1 -x 100 -y 50',
      '-a -t 192.0.2.10:80 -r 10.0.0.2:80 -g -w 1 -x 1',
      '-a -t 192.0.2.10:80 -r 10.0.0.3:80 -g -w 1 -x 65536 -y 65535',
      '-a -t 192.0.2.10:80 -r 10.0.0.4:80 -g -w 1 -x 2147483647 -y 2147483647',
    ],
  },
  {
    name: 'thresholds and weight of an IPv6 server in a tunnel',
    service: { ...web6, scheduler: 'rr' },
    destinations: [
      {
        address: '2001:db8::2',
        forwarding: 'tunneling',
        weight: 3,
        upperThreshold: 9,
        lowerThreshold: 4,
        tunnel: { type: 'gre', checksum: 'plain' },
      },
    ],
    rules: [
      '-A -t [2001:db8::1]:80 -s rr',
      '-a -t [2001:db8::1]:80 -r [2001:db8::2]:80 -i -w 3 -x 9 -y 4 --tun-type gre --tun-csum',
    ],
  },
]

/** A row of one IPv4 service with tunnels to each of these, by what -S prints after --tun-type. */
const tunnels: readonly Case[] = (
  [
    ['ipip', undefined, 'ipip', ''],
    ['ipip, named', { type: 'ipip' }, 'ipip', '--tun-type ipip'],
    [
      'gue',
      { type: 'gue', port: 6080 },
      'gue --tun-port 6080 --tun-nocsum',
      '--tun-type gue --tun-port 6080',
    ],
    ['gue, no checksum', { type: 'gue', port: 1, checksum: 'none' }, 'gue --tun-port 1 --tun-nocsum'],
    ['gue, checksum', { type: 'gue', port: 6080, checksum: 'plain' }, 'gue --tun-port 6080 --tun-csum'],
    ['gue, remote', { type: 'gue', port: 65535, checksum: 'remote' }, 'gue --tun-port 65535 --tun-remcsum'],
    ['gre', { type: 'gre' }, 'gre --tun-nocsum', '--tun-type gre'],
    ['gre, no checksum', { type: 'gre', checksum: 'none' }, 'gre --tun-nocsum'],
    ['gre, checksum', { type: 'gre', checksum: 'plain' }, 'gre --tun-csum'],
  ] as const
).map(([name, tunnel, printed, typed]) => ({
  name: `tunnel: ${name}`,
  service: { ...web, scheduler: 'rr' },
  destinations: [{ ...one, forwarding: 'tunneling', ...(tunnel ? { tunnel } : {}) }],
  rules: ['-A -t 192.0.2.10:80 -s rr', `-a -t 192.0.2.10:80 -r 10.0.0.1:80 -i -w 1 --tun-type ${printed}`],
  ...(typed === undefined
    ? {}
    : { typed: ['-A -t 192.0.2.10:80 -s rr', `-a -t 192.0.2.10:80 -r 10.0.0.1 -i ${typed}`] }),
}))

const mixed: readonly Case[] = [
  {
    name: 'IPv6 servers in tunnels of an IPv4 service, beside IPv4 ones',
    service: { ...web, scheduler: 'rr' },
    destinations: [
      { address: '2001:db8::9', forwarding: 'tunneling' },
      { ...one, forwarding: 'tunneling' },
      {
        address: '2001:db8::a',
        forwarding: 'tunneling',
        tunnel: { type: 'gue', port: 6080, checksum: 'remote' },
      },
    ],
    rules: [
      '-A -t 192.0.2.10:80 -s rr',
      '-a -t 192.0.2.10:80 -r [2001:db8::9]:80 -i -w 1 --tun-type ipip',
      '-a -t 192.0.2.10:80 -r 10.0.0.1:80 -i -w 1 --tun-type ipip',
      '-a -t 192.0.2.10:80 -r [2001:db8::a]:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum',
    ],
  },
  {
    name: 'IPv4 servers in tunnels of an IPv6 service',
    service: { ...web6, scheduler: 'rr' },
    destinations: [
      { ...one, forwarding: 'tunneling' },
      { address: '10.0.0.2', forwarding: 'tunneling', tunnel: { type: 'gre', checksum: 'plain' }, weight: 0 },
    ],
    rules: [
      '-A -t [2001:db8::1]:80 -s rr',
      '-a -t [2001:db8::1]:80 -r 10.0.0.1:80 -i -w 1 --tun-type ipip',
      '-a -t [2001:db8::1]:80 -r 10.0.0.2:80 -i -w 0 --tun-type gre --tun-csum',
    ],
  },
  {
    name: 'an IPv6 server in a tunnel of an IPv4 firewall mark',
    service: { fwmark: 7, scheduler: 'rr' },
    destinations: [{ address: '2001:db8::6', forwarding: 'tunneling' }],
    rules: ['-A -f 7 -s rr', '-a -f 7 -r [2001:db8::6]:0 -i -w 1 --tun-type ipip'],
  },
  {
    name: 'an IPv4 server in a tunnel of an IPv6 firewall mark',
    service: { fwmark: 7, family: 'ipv6', scheduler: 'rr' },
    destinations: [{ ...one, forwarding: 'tunneling' }],
    rules: ['-A -f 7 -6 -s rr', '-a -f 7 -6 -r 10.0.0.1:0 -i -w 1 --tun-type ipip'],
  },
]

export const servers: readonly Group[] = [
  group('ports, weights and thresholds', destinations),
  group('tunnels', tunnels),
  group('tunnels to servers of the other family', mixed),
]
