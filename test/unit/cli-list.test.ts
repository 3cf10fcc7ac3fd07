// Listings: numbers, columns, connections and JSON, where the kernel of the tests cannot bring the case about.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import { changedServers } from '../../lib/cli/impact.ts'
import { toJson } from '../../lib/cli/json.ts'
import { largeNumber, listText, type View } from '../../lib/cli/list.ts'
import type { DestinationStatus, SnapshotService } from '../../lib/index.ts'
import { numeric } from '../../lib/text/format.ts'
import { sortServers, sortServices } from '../../lib/text/order.ts'
import { parseServicesFile } from '../../lib/text/services-file.ts'

test.each([
  [0n, '        0'],
  [99_999_999n, ' 99999999'],
  [100_000_000n, '  100000K'],
  [999_999_999n, '  999999K'],
  [1_000_000_000n, '    1000M'],
  [99_999_999_999n, '   99999M'],
  [100_000_000_000n, '     100G'],
  [99_999_999_999_999n, '   99999G'],
  [100_000_000_000_000n, '     100T'],
  [18_446_744_073_709_551_615n, '18446744T'],
])('%s in nine columns', (value, text) => {
  expect(largeNumber(value, false)).toBe(text)
})

test('exact numbers take the room they need', () => {
  expect(largeNumber(12_345_678n, true)).toBe(' 12345678')
  expect(largeNumber(123_456_789n, true)).toBe(' 123456789')
  expect(largeNumber(18_446_744_073_709_551_615n, true)).toBe(' 18446744073709551615')
})

const stats = {
  conns: 5_000_000_000n,
  inPkts: 100_000_000n,
  outPkts: 3n,
  inBytes: 123_456_789_012n,
  outBytes: 100_000_000_000_000n,
  cps: 100_000_001,
  inPps: 2,
  outPps: 3,
  inBps: 250_000_000,
  outBps: 5,
}

const server: DestinationStatus = {
  address: '10.0.0.1',
  port: 80,
  family: 'ipv4',
  forwarding: 'local',
  weight: 2_147_483_647,
  upperThreshold: 4_000_000_000,
  lowerThreshold: 7,
  activeConns: 1,
  inactiveConns: 2,
  persistentConns: 3,
  stats,
}

const service: SnapshotService = {
  protocol: 'tcp',
  address: '192.0.2.1',
  port: 80,
  family: 'ipv4',
  scheduler: 'sh',
  schedulerFlags: ['port', 'flag-3'],
  persistence: null,
  onePacket: false,
  stats,
  destinations: [server, { ...server, forwarding: 'bypass', port: 8080 }],
}

const lines = (view: View, exact = false, services: readonly SnapshotService[] = [service]): string[] =>
  listText(services, { view, exact, sorted: true, names: numeric }).split('\n')

test('columns', () => {
  expect(lines('weights')).toEqual([
    'Prot LocalAddress:Port Scheduler Flags',
    '  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn',
    'TCP  192.0.2.1:80 sh (sh-port,flag-3)',
    '  -> 10.0.0.1:80                  Local   2147483647 1          2         ',
    '  -> 10.0.0.1:8080                Bypass  2147483647 1          2         ',
    '',
  ])
  expect(lines('stats').slice(2, 4)).toEqual([
    'TCP  192.0.2.1:80                    5000M  100000K        3     123G     100T',
    '  -> 10.0.0.1:80                     5000M  100000K        3     123G     100T',
  ])
  // Of a server's connections and packets a second ipvsadm prints all digits.
  expect(lines('rate').slice(2, 4)).toEqual([
    'TCP  192.0.2.1:80                  100000K        2        3  250000K        5',
    '  -> 10.0.0.1:80                  100000001        2        3  250000K        5',
  ])
  expect(lines('rate', true)[3]).toBe(
    '  -> 10.0.0.1:80                  100000001        2        3 250000000        5',
  )
  expect(lines('thresholds')[3]).toBe(
    '  -> 10.0.0.1:80                  4000000000 7          1          2         ',
  )
  expect(lines('persistent-conn')[3]).toBe(
    '  -> 10.0.0.1:80                  2147483647 3           1          2         ',
  )
})

test('long names are cut as ipvsadm cuts them', () => {
  const names = { ...numeric, host: () => 'a-very-long-host-name-that-does-not-end.example' }
  const text = listText([service], { view: 'weights', exact: false, sorted: true, names })
  expect(text).toContain('\nTCP  a-very-long-host-name-that-d sh (sh-port,flag-3)\n')
  expect(text).toContain('\n  -> a-very-long-host-name-that-d Local ')
})

test('the order of ipvsadm, which takes the difference of two addresses for a signed number', () => {
  const at = (address: string, port = 80, protocol = 'tcp') =>
    ({
      ...service,
      address,
      port,
      protocol,
      family: address.includes(':') ? 'ipv6' : 'ipv4',
    }) as SnapshotService
  const mark = (fwmark: number) =>
    ({ ...service, address: undefined, port: undefined, protocol: undefined, fwmark }) as SnapshotService
  const all = [
    mark(7),
    at('2001:db8::1'),
    at('10.0.0.1', 80, 'udp'),
    at('10.0.0.1', 90),
    at('10.0.0.1'),
    at('192.0.2.1'),
    mark(0xffff_ffff),
  ]
  expect(sortServices(all).map((one) => one.fwmark ?? `${one.address} ${one.port} ${one.protocol}`)).toEqual([
    0xffff_ffff,
    '192.0.2.1 80 tcp',
    '10.0.0.1 80 tcp',
    '10.0.0.1 90 tcp',
    '10.0.0.1 80 udp',
    '2001:db8::1 80 tcp',
    7,
  ])
  expect(sortServers([{ ...server, port: 81 }, server])[0]).toBe(server)
})

test('JSON has every digit of a counter', () => {
  expect(toJson({ a: 18_446_744_073_709_551_615n, b: [1n, '2', null] }).replace(/\s/g, '')).toBe(
    '{"a":18446744073709551615,"b":[1,"2",null]}',
  )
})

test('/etc/services', () => {
  const { ports, names } = parseServicesFile(
    'http 80/tcp www www-http # web\n\n# no\nhttp 80/udp\nalias 80/tcp\nbad line\n',
  )
  expect(ports.get('www/tcp')).toBe(80)
  expect(ports.get('alias/tcp')).toBe(80)
  expect(names.get('80/tcp')).toBe('http')
  expect([...names.keys()]).toEqual(['80/tcp', '80/udp'])
})

test('a real server of a planned change is found in whatever spelling', () => {
  const there: DestinationStatus = { ...server, address: '2001:db8::1', family: 'ipv6' }
  const changed = (changes: Parameters<typeof changedServers>[2]) => changedServers(service, [there], changes)
  expect(changed({ remove: ['[2001:DB8:0::1]:80'] })).toEqual([])
  expect(changed({ weight: ['[2001:db8:0:0::1]:80=3'] })).toEqual([
    { ...there, weight: 3, lastWeight: there.weight },
  ])
  expect(() => changed({ add: ['[2001:DB8::1]:80'] })).toThrow('already')
  expect(() => changed({ remove: ['[2001:db8::2]:80'] })).toThrow('no real server')
})
