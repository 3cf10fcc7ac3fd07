// The packets that tell neighbours where an address is: gratuitous ARP (RFC 5227) and unsolicited advertisements (RFC 4861).
// SPDX-License-Identifier: MIT

import type { Packet } from '../netlink/packet.js'

const ETH_P_ARP = 0x0806
const ETH_P_IPV6 = 0x86dd
const BROADCAST = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
const NOBODY = new Uint8Array(6)

const ARP_REQUEST = 1
const ARP_REPLY = 2

/** Ethernet and IPv4; sender and target have the same address. */
const arp = (operation: number, address: Uint8Array, hardware: Uint8Array, target: Uint8Array): Packet => ({
  protocol: ETH_P_ARP,
  destination: BROADCAST,
  bytes: Uint8Array.of(0, 1, 0x08, 0, 6, 4, 0, operation, ...hardware, ...address, ...target, ...address),
})

const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
const ALL_NODES_HARDWARE = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1)
const ICMPV6 = 58
const ADVERTISEMENT = 136
const TARGET_HARDWARE = 2
const ROUTER = 0x80
const OVERRIDE = 0x20
/** Receivers drop any other: it shows that no router was between. */
const HOP_LIMIT = 255

/** The sum of RFC 1071 over 16-bit words. */
const checksum = (bytes: Uint8Array): number => {
  let sum = 0
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

const advertisement = (address: Uint8Array, hardware: Uint8Array, router: boolean): Packet => {
  const flags = OVERRIDE | (router ? ROUTER : 0)
  const option = [TARGET_HARDWARE, 1, ...hardware]
  const body = Uint8Array.of(ADVERTISEMENT, 0, 0, 0, flags, 0, 0, 0, ...address, ...option)
  const sum = checksum(
    Uint8Array.of(...address, ...ALL_NODES, 0, 0, 0, body.length, 0, 0, 0, ICMPV6, ...body),
  )
  body[2] = sum >> 8
  body[3] = sum & 0xff
  const header = [0x60, 0, 0, 0, 0, body.length, ICMPV6, HOP_LIMIT, ...address, ...ALL_NODES]
  return { protocol: ETH_P_IPV6, destination: ALL_NODES_HARDWARE, bytes: Uint8Array.of(...header, ...body) }
}

/**
 * One announcement of an address (4 or 16 bytes) by the owner of a link-layer address (6 bytes). IPv4: a request and a
 * reply, because there are receivers that heed only one of them. IPv6: `router` is to say whether the owner forwards;
 * who used it as a router and reads that it is none stops.
 */
export const announcement = (
  address: Uint8Array,
  hardware: Uint8Array,
  router: boolean,
): readonly Packet[] =>
  address.length === 4
    ? [arp(ARP_REQUEST, address, hardware, NOBODY), arp(ARP_REPLY, address, hardware, hardware)]
    : [advertisement(address, hardware, router)]
