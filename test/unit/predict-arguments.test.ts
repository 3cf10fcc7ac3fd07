// What predict() refuses, and in which words; and options that come from the service.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import { type PredictableScheduler, predict } from '../../lib/index.ts'

const one = [{ address: '10.0.0.1', port: 80, weight: 1 }]

test.each([
  ['rr', 'takes servers in turn'],
  ['wrr', 'takes servers in turn'],
  ['wlc', 'goes by the connections'],
  ['dh', 'hashes the address that clients connect to'],
  ['lblcr', 'goes by load'],
  ['fo', 'highest weight'],
  ['twos', 'at random'],
  ['none', 'refuses every client'],
  ['maglew', 'expected hrw, msh, maglev, sh, mh'],
  [7, 'expected hrw, msh, maglev, sh, mh'],
  ['constructor', 'expected hrw, msh, maglev, sh, mh'],
])('scheduler %s', (scheduler, text) => {
  const call = () => predict(scheduler as PredictableScheduler, one)
  expect(call).toThrow(TypeError)
  expect(call).toThrow(text)
  expect(call).toThrow(/^scheduler: /)
})

test.each<[PredictableScheduler, object, string]>([
  ['msh', { tableSize: 1000 }, 'options.tableSize: msh has a power of two 256..1048576; got 1000'],
  ['msh', { tableSize: 128 }, 'options.tableSize: msh'],
  ['maglev', { tableSize: 16384 }, 'options.tableSize: maglev has a prime 251..131071; got 16384'],
  ['maglev', { tableSize: 241 }, 'options.tableSize: maglev'],
  ['mh', { tableSize: 257 }, 'options.tableSize: mh has one of 251, 509'],
  ['sh', { tableSize: 8 }, 'options.tableSize: sh has a power of two 16..1048576; got 8'],
  ['hrw', { tableSize: 256 }, 'options.tableSize: hrw has no table'],
  ['msh', { tableSize: 2 ** 40 }, 'options.tableSize: expected an integer'],
  ['msh', { seed: -1n }, 'options.seed: expected 0..2^64-1, got -1'],
  ['msh', { seed: 2n ** 64n }, 'options.seed: expected 0..2^64-1'],
  ['msh', { seed: 2 ** 53 }, 'options.seed: expected an integer'],
  ['msh', { seed: '0' }, 'options.seed: expected a bigint or a number'],
  ['sh', { seed: 1n }, 'options.seed: sh has none'],
  ['msh', { schedulerFlags: 'port' }, 'options.schedulerFlags: expected an array'],
  ['msh', { schedulerFlags: ['ports'] }, 'options.schedulerFlags: expected fallback, port'],
  ['msh', { tablesize: 256 }, 'did you mean tableSize?'],
  ['msh', { service: { fwmark: 0 } }, 'fwmark: expected an integer'],
])('%s with %o', (scheduler, options, text) => {
  expect(() => predict(scheduler, one, options)).toThrow(text)
})

test.each<[object, string]>([
  [{ address: '10.0.0.300', port: 80 }, 'destinations[1].address: not an IPv4 or IPv6 address'],
  [{ port: 80 }, 'destinations[1].address: expected an IP address'],
  [{ address: '10.0.0.2' }, 'destinations[1].port: expected a number, got undefined'],
  [{ address: '10.0.0.2', port: 65536 }, 'destinations[1].port: expected an integer 0..65535'],
  [{ address: '10.0.0.2', port: 80, weight: -1 }, 'destinations[1].weight: expected an integer'],
  [{ address: '10.0.0.2', port: 80, weight: 2 ** 31 }, 'destinations[1].weight: expected an integer'],
  [{ address: '10.0.0.2', port: 80, lastWeight: 0.5 }, 'destinations[1].lastWeight: expected an integer'],
  [{ address: '10.0.0.2', port: 80, overloaded: 1 }, 'destinations[1].overloaded: expected true or false'],
  [{ address: '10.0.0.2', port: 80, wieght: 1 }, 'destinations[1]: unknown field'],
  [{ address: '10.0.0.1', port: 80, weight: 9 }, 'destinations[1]: 10.0.0.1:80 is destinations[0] already'],
])('destination %o', (destination, text) => {
  expect(() => predict('msh', [...one, destination as (typeof one)[0]])).toThrow(text)
})

test('more servers than there are indexes or slots', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ address: '10.0.0.1', port: i & 0xffff, weight: 1 }))
  expect(() => predict('hrw', many(65535))).toThrow('destinations: 65535 are more than 65534')
  expect(() => predict('mh', many(4094))).toThrow('mh has 4093 slots')
  expect(predict('maglev', many(300), { tableSize: 251 }).shares.filter((share) => share > 0)).toHaveLength(
    251,
  )
})

test('clients that do not fit', () => {
  const plain = predict('msh', one)
  const ported = predict('msh', one, { schedulerFlags: ['port'] })
  expect(() => plain.destinationOf({ address: '2001:db8::1' })).toThrow(
    'client.address: 2001:db8::1 is not ipv4',
  )
  expect(() => plain.destinationOf({ address: 'client' })).toThrow(
    'client.address: not an IPv4 or IPv6 address',
  )
  expect(() => plain.destinationOf({ address: '192.0.2.1', port: -1 })).toThrow('client.port')
  expect(() => ported.destinationOf({ address: '192.0.2.1' })).toThrow('client.port: expected a number')
  expect(() => plain.indexesOf(new Uint8Array(5))).toThrow('addresses: 5 bytes are no whole ipv4 addresses')
  expect(() => ported.indexesOf(new Uint8Array(8))).toThrow('ports: expected a Uint16Array')
  expect(() => ported.indexesOf(new Uint8Array(8), new Uint16Array(1))).toThrow('ports: 1 for 2 addresses')
  // @ts-expect-error: not bytes
  expect(() => plain.indexesOf([192, 0, 2, 1])).toThrow('addresses: expected a Uint8Array')
  expect(plain.indexesOf(new Uint8Array())).toEqual(new Int32Array())
})

test('port, family and flags come from the service', () => {
  const service = {
    protocol: 'tcp',
    address: '2001:db8::80',
    port: 8080,
    schedulerFlags: ['port'],
  } as const
  const servers = Array.from({ length: 9 }, (_, i) => ({ address: `10.0.0.${i}` }))
  const prediction = predict('maglev', servers, { service })
  expect(prediction.family).toBe('ipv6')
  expect(() => prediction.destinationOf({ address: '2001:db8::1' })).toThrow('client.port')
  expect(prediction.checksum).toBe(
    predict(
      'maglev',
      servers.map((server) => ({ ...server, port: 8080 })),
    ).checksum,
  )
  expect(
    predict('maglev', servers, { service, schedulerFlags: [] }).destinationOf({ address: '2001:db8::1' }),
  ).not.toBeNull()
  const marked = predict('maglev', servers, { service: { fwmark: 1 } })
  expect(marked.checksum).toBe(
    predict(
      'maglev',
      servers.map((server) => ({ ...server, port: 0 })),
    ).checksum,
  )
})

test('an IPv4 address written as IPv6 is an IPv6 address', () => {
  const mapped = predict('hrw', [{ address: '::ffff:10.0.0.1', port: 80 }])
  expect(mapped.family).toBe('ipv6')
  expect(mapped.checksum).not.toBe(predict('hrw', one).checksum)
})
