// Virtual services that client and ipvsadm must mean alike: data for interop.test.ts.
// SPDX-License-Identifier: MIT

import type { SchedulerFlag } from '../../lib/index.ts'
import { type Case, type Group, group, one, web, web6 } from './interop-case.ts'

const dns = { protocol: 'udp', address: '192.0.2.10', port: 53 } as const
const sip = { protocol: 'udp', address: '192.0.2.10', port: 5060 } as const

const scheduler = (name: string): Case => ({
  name: `scheduler ${name}`,
  service: { ...web, scheduler: name },
  destinations: [one],
  rules: [`-A -t 192.0.2.10:80 -s ${name}`, '-a -t 192.0.2.10:80 -r 10.0.0.1:80 -g -w 1'],
})

const schedulers: readonly Case[] = [
  ...['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'dh', 'sh', 'mh', 'sed', 'nq', 'fo', 'ovf', 'none'].map(
    scheduler,
  ),
]

const flags = (
  name: string,
  schedulerFlags: readonly SchedulerFlag[],
  words: string,
  typed?: string,
): Case => ({
  name: `scheduler ${name} with ${schedulerFlags.join(', ')}${typed ? `, typed ${typed}` : ''}`,
  service: { ...web, scheduler: name, schedulerFlags },
  rules: [`-A -t 192.0.2.10:80 -s ${name} -b ${words}`],
  ...(typed ? { typed: [`-A -t 192.0.2.10:80 -s ${name} -b ${typed}`] } : {}),
})

const schedulerFlags: readonly Case[] = [
  flags('sh', ['port'], 'sh-port'),
  flags('sh', ['fallback'], 'sh-fallback'),
  flags('sh', ['fallback', 'port'], 'sh-fallback,sh-port'),
  flags('sh', ['fallback', 'port'], 'sh-fallback,sh-port', 'flag-1,flag-2'),
  flags('mh', ['port'], 'mh-port'),
  flags('mh', ['fallback'], 'mh-fallback'),
  flags('mh', ['fallback', 'port'], 'mh-fallback,mh-port', 'mh-port,mh-fallback'),
  flags('rr', ['flag-1'], 'flag-1'),
  flags('rr', ['flag-2'], 'flag-2'),
  flags('rr', ['flag-3'], 'flag-3'),
  flags('wlc', ['flag-1', 'flag-2', 'flag-3'], 'flag-1,flag-2,flag-3'),
  {
    name: 'flag-1 and flag-2 are written for sh, and read under the names it gives them',
    service: { ...web, scheduler: 'sh', schedulerFlags: ['flag-2', 'flag-1'] },
    reads: { schedulerFlags: ['fallback', 'port'] },
    rules: ['-A -t 192.0.2.10:80 -s sh -b sh-fallback,sh-port'],
  },
]

const identities: readonly Case[] = [
  {
    name: 'every default of the client is the default of ipvsadm',
    service: web,
    destinations: [one],
    rules: ['-A -t 192.0.2.10:80 -s wlc', '-a -t 192.0.2.10:80 -r 10.0.0.1:80 -g -w 1'],
    typed: ['-A -t 192.0.2.10:80', '-a -t 192.0.2.10:80 -r 10.0.0.1'],
  },
  {
    name: 'UDP and the highest port',
    service: { ...dns, port: 65535, scheduler: 'rr' },
    destinations: [one],
    rules: ['-A -u 192.0.2.10:65535 -s rr', '-a -u 192.0.2.10:65535 -r 10.0.0.1:65535 -g -w 1'],
  },
  {
    name: 'SCTP',
    service: { ...web, protocol: 'sctp', scheduler: 'rr' },
    destinations: [{ ...one, forwarding: 'masquerading' }],
    rules: [
      '-A --sctp-service 192.0.2.10:80 -s rr',
      '-a --sctp-service 192.0.2.10:80 -r 10.0.0.1:80 -m -w 1',
    ],
  },
  {
    name: 'SCTP over IPv6',
    service: { ...web6, protocol: 'sctp', port: 9999, scheduler: 'rr' },
    rules: ['-A --sctp-service [2001:db8::1]:9999 -s rr'],
  },
  {
    name: 'TCP over IPv6, every method that has a letter',
    service: { ...web6, scheduler: 'wrr' },
    destinations: [
      { address: '2001:db8::a', forwarding: 'masquerading', port: 8080 },
      { address: '2001:db8::b' },
      { address: '2001:db8:1:2:3:4:5:6', forwarding: 'tunneling' },
    ],
    rules: [
      '-A -t [2001:db8::1]:80 -s wrr',
      '-a -t [2001:db8::1]:80 -r [2001:db8::a]:8080 -m -w 1',
      '-a -t [2001:db8::1]:80 -r [2001:db8::b]:80 -g -w 1',
      '-a -t [2001:db8::1]:80 -r [2001:db8:1:2:3:4:5:6]:80 -i -w 1 --tun-type ipip',
    ],
  },
  {
    name: 'UDP over IPv6',
    service: { ...dns, address: '2001:db8:0:1::', scheduler: 'rr' },
    rules: ['-A -u [2001:db8:0:1::]:53 -s rr'],
  },
  {
    name: 'a firewall mark',
    service: { fwmark: 7, scheduler: 'rr' },
    destinations: [one, { address: '10.0.0.2', port: 8080, forwarding: 'masquerading' }],
    rules: ['-A -f 7 -s rr', '-a -f 7 -r 10.0.0.1:0 -g -w 1', '-a -f 7 -r 10.0.0.2:8080 -m -w 1'],
    typed: ['-A -f 7 -s rr', '-a -f 7 -r 10.0.0.1', '-a -f 7 -r 10.0.0.2:8080 -m'],
  },
  {
    name: 'the highest firewall mark that ipvsadm can print',
    service: { fwmark: 2147483647, scheduler: 'rr' },
    rules: ['-A -f 2147483647 -s rr'],
  },
  {
    name: 'a firewall mark of IPv6',
    service: { fwmark: 7, family: 'ipv6', scheduler: 'rr' },
    destinations: [
      { address: '2001:db8::5' },
      { address: '2001:db8::6', port: 80, forwarding: 'masquerading' },
    ],
    // Its -r takes no IPv6 address without a port, where it takes IPv4 ones: ipvsadm's fault.
    rules: [
      '-A -f 7 -6 -s rr',
      '-a -f 7 -6 -r [2001:db8::5]:0 -g -w 1',
      '-a -f 7 -6 -r [2001:db8::6]:80 -m -w 1',
    ],
  },
]

const persistent = (name: string, of: Omit<Case, 'name'>): Case => ({ name: `persistence: ${name}`, ...of })

const persistence: readonly Case[] = [
  persistent('default of everything', {
    service: { ...web, scheduler: 'rr', persistence: {} },
    rules: ['-A -t 192.0.2.10:80 -s rr -p 360'],
    typed: ['-A -t 192.0.2.10:80 -s rr -p'],
  }),
  persistent('one second', {
    service: { ...web, scheduler: 'rr', persistence: { timeout: 1 } },
    rules: ['-A -t 192.0.2.10:80 -s rr -p 1'],
  }),
  persistent('the longest that ipvsadm takes', {
    service: { ...web, scheduler: 'rr', persistence: { timeout: 2678400, netmask: '255.0.0.0' } },
    rules: ['-A -t 192.0.2.10:80 -s rr -p 2678400 -M 255.0.0.0'],
  }),
  persistent('a mask that is no multiple of eight, written as a length', {
    service: { ...web, scheduler: 'rr', persistence: { netmask: 27 } },
    reads: { persistence: { timeout: 360, netmask: '255.255.255.224' } },
    rules: ['-A -t 192.0.2.10:80 -s rr -p 360 -M 255.255.255.224'],
  }),
  persistent('every port', {
    service: { ...web, port: 0, scheduler: 'rr', persistence: { timeout: 600 } },
    destinations: [one],
    rules: ['-A -t 192.0.2.10:0 -s rr -p 600', '-a -t 192.0.2.10:0 -r 10.0.0.1:0 -g -w 1'],
  }),
  persistent('IPv6', {
    service: { ...web6, scheduler: 'rr', persistence: { timeout: 30 } },
    rules: ['-A -t [2001:db8::1]:80 -s rr -p 30'],
  }),
  persistent('IPv6 with a prefix', {
    service: { ...web6, scheduler: 'rr', persistence: { timeout: 30, netmask: 64 } },
    rules: ['-A -t [2001:db8::1]:80 -s rr -p 30 -M 64'],
  }),
  persistent('IPv6 with the shortest prefix', {
    service: { ...web6, scheduler: 'rr', persistence: { timeout: 30, netmask: 1 } },
    rules: ['-A -t [2001:db8::1]:80 -s rr -p 30 -M 1'],
  }),
  persistent('a firewall mark', {
    service: { fwmark: 7, scheduler: 'rr', persistence: { timeout: 50, netmask: '255.255.0.0' } },
    rules: ['-A -f 7 -s rr -p 50 -M 255.255.0.0'],
  }),
  persistent('a firewall mark of IPv6', {
    service: { fwmark: 7, family: 'ipv6', scheduler: 'rr', persistence: { timeout: 50, netmask: 56 } },
    rules: ['-A -f 7 -6 -s rr -p 50 -M 56'],
  }),
  persistent('the engine of SIP', {
    service: {
      ...sip,
      scheduler: 'rr',
      persistence: { timeout: 100, netmask: '255.255.255.0', engine: 'sip' },
    },
    rules: ['-A -u 192.0.2.10:5060 -s rr -p 100 -M 255.255.255.0 --pe sip'],
  }),
  persistent('the engine of SIP, packet by packet, for IPv6', {
    service: {
      ...sip,
      address: '2001:db8::1',
      scheduler: 'rr',
      persistence: { engine: 'sip' },
      onePacket: true,
    },
    rules: ['-A -u [2001:db8::1]:5060 -s rr -p 360 --pe sip -o'],
  }),
  persistent('with scheduler flags, whatever their order', {
    service: {
      ...dns,
      scheduler: 'sh',
      schedulerFlags: ['port'],
      persistence: { timeout: 9 },
      onePacket: true,
    },
    rules: ['-A -u 192.0.2.10:53 -s sh -p 9 -o -b sh-port'],
    typed: ['-A -u 192.0.2.10:53 -b sh-port -o -p 9 -s sh'],
  }),
]

const onePacket: readonly Case[] = [
  {
    name: 'one packet',
    service: { ...dns, scheduler: 'rr', onePacket: true },
    rules: ['-A -u 192.0.2.10:53 -s rr -o'],
  },
  {
    name: 'one packet, IPv6',
    service: { ...dns, address: '2001:db8::1', scheduler: 'rr', onePacket: true },
    rules: ['-A -u [2001:db8::1]:53 -s rr -o'],
  },
  {
    name: 'one packet, a firewall mark',
    service: { fwmark: 4096, scheduler: 'rr', onePacket: true },
    rules: ['-A -f 4096 -s rr -o'],
  },
]

export const services: readonly Group[] = [
  group('schedulers', schedulers),
  // Linux has it since 5.12, but Debian's 6.1 is built without; its 6.12 is the first here that must have it.
  group('the scheduler twos', [scheduler('twos')], { module: 'ip_vs_twos', since: '6.12' }),
  group('scheduler flags', schedulerFlags),
  group('protocols, families, ports and firewall marks', identities),
  group('persistence', persistence),
  group('one packet', onePacket),
]
