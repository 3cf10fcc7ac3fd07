// The order in which ipvsadm lists services and real servers.
// SPDX-License-Identifier: MIT

import { bytesOf, parseAddress } from '../address.js'
import type { DestinationStatus, Family, ServiceStatus } from '../types.js'

/**
 * ipvsadm subtracts 32 bits without looking for overflow, so that 192.0.2.1 comes before 10.0.0.1. Scripts compare
 * listings line by line: ours are in the same order.
 */
const difference = (a: number, b: number): number => (a - b) | 0

const addresses = (a: string, b: string): number => {
  const [first, second] = [bytesOf(parseAddress(a) ?? 0), bytesOf(parseAddress(b) ?? 0)]
  for (let i = 0; i < first.length; i += 4) {
    const found = difference(word(first, i), word(second, i))
    if (found !== 0) return found
  }
  return 0
}

const word = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)

const families: Readonly<Record<Family, number>> = { ipv4: 2, ipv6: 10 }
const numbers: Readonly<Record<string, number>> = { tcp: 6, udp: 17, sctp: 132 }
/** A mark has the protocol TCP. */
const protocolNumber = (name = 'tcp'): number => numbers[name] ?? Number(name.slice('protocol-'.length))

export const byService = (a: ServiceStatus, b: ServiceStatus): number =>
  difference(a.fwmark ?? 0, b.fwmark ?? 0) ||
  families[a.family] - families[b.family] ||
  protocolNumber(a.protocol) - protocolNumber(b.protocol) ||
  (a.address === undefined || b.address === undefined ? 0 : addresses(a.address, b.address)) ||
  (a.port ?? 0) - (b.port ?? 0)

export const byAddress = (
  a: Pick<DestinationStatus, 'address' | 'port' | 'family'>,
  b: Pick<DestinationStatus, 'address' | 'port' | 'family'>,
): number =>
  // Where families differ, the first words are compared all the same.
  addresses(a.address, b.address) || a.port - b.port
