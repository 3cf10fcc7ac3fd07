// The order in which ipvsadm lists services and real servers, and one that is an order.
// SPDX-License-Identifier: MIT

import { parseAddress } from '../address.js'
import type { DestinationStatus, Family, ServiceStatus } from '../types.js'

type Difference = (a: number, b: number) => number

/**
 * ipvsadm subtracts 32 bits without looking for overflow, so that 192.0.2.1 comes before 10.0.0.1. Scripts compare
 * listings line by line: ours are in the same order. Of three numbers that go round in a circle it is none: what comes
 * first then depends on the order of the kernel, for ipvsadm and for us.
 */
const overflowing: Difference = (a, b) => (a - b) | 0
const exact: Difference = (a, b) => (a >>> 0) - (b >>> 0)

/** The 32-bit words of an address. */
const wordsOf = (address: string): readonly number[] => {
  const parsed = parseAddress(address) ?? 0
  if (typeof parsed === 'number') return [parsed]
  const view = new DataView(parsed.buffer, parsed.byteOffset, parsed.length)
  return [0, 4, 8, 12].map((at) => view.getInt32(at))
}

/** Where families differ, the first words are compared all the same. */
const compareWords = (a: readonly number[], b: readonly number[], difference: Difference): number => {
  for (let i = 0; i < a.length; i++) {
    const found = difference(a[i]!, b[i] ?? 0)
    if (found !== 0) return found
  }
  return 0
}

const families: Readonly<Record<Family, number>> = { ipv4: 2, ipv6: 10 }
const numbers: Readonly<Record<string, number>> = { tcp: 6, udp: 17, sctp: 132 }
/** A mark has the protocol TCP. */
const protocolNumber = (name = 'tcp'): number => numbers[name] ?? Number(name.slice('protocol-'.length))

/** Sorted, with the address of each understood once. */
const sorted = <T>(
  items: readonly T[],
  addressOf: (item: T) => string | undefined,
  before: (a: T, b: T) => number,
  after: (a: T, b: T) => number,
  difference: Difference,
): readonly T[] =>
  items
    .map((item) => ({ item, words: wordsOf(addressOf(item) ?? '0.0.0.0') }))
    .sort(
      (a, b) => before(a.item, b.item) || compareWords(a.words, b.words, difference) || after(a.item, b.item),
    )
    .map(({ item }) => item)

const byService = <T extends ServiceStatus>(services: readonly T[], difference: Difference): readonly T[] =>
  sorted(
    services,
    ({ address }) => address,
    (a, b) =>
      difference(a.fwmark ?? 0, b.fwmark ?? 0) ||
      families[a.family] - families[b.family] ||
      protocolNumber(a.protocol) - protocolNumber(b.protocol),
    (a, b) => (a.port ?? 0) - (b.port ?? 0),
    difference,
  )

/** By mark, family, protocol, address and port, as ipvsadm does. */
export const sortServices = <T extends ServiceStatus>(services: readonly T[]): readonly T[] =>
  byService(services, overflowing)

/** The same, whatever order the kernel has them in. */
export const orderServices = <T extends ServiceStatus>(services: readonly T[]): readonly T[] =>
  byService(services, exact)

/** By address and port. */
export const sortServers = <T extends Pick<DestinationStatus, 'address' | 'port'>>(
  servers: readonly T[],
): readonly T[] =>
  sorted(
    servers,
    ({ address }) => address,
    () => 0,
    (a, b) => a.port - b.port,
    overflowing,
  )
