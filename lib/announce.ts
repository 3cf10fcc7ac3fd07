// Announcing an address on an interface, some times in a row, so that neighbours send to this machine from now on.
// SPDX-License-Identifier: MIT

import { familyOf, formatAddress } from './address.js'
import * as check from './check.js'
import { IpvsError } from './errors.js'
import { sendPacket } from './netlink/packet.js'
import { isTransportError, type NetworkNamespace } from './netlink/socket.js'
import { pause } from './pause.js'
import { ETHERNET, FORWARDING6 } from './route/abi.js'
import { announcement } from './route/announcement.js'
import * as checked from './route/check.js'
import { routeError } from './route/errors.js'
import type { Link } from './route/messages.js'

/** How an address is announced. */
export interface AnnounceOptions {
  /**
   * The interface towards the neighbours. Default: the one that has the address. For an address on a dummy device it has
   * to be named, and then only IPv4 makes sense: who has an IPv6 address on another interface does not answer for it.
   */
  readonly interface?: string | undefined
  /** How often, 1..1000, default 3: a packet may be lost. IPv4: a request and a reply each time. */
  readonly count?: number | undefined
  /** Milliseconds between, 0..60000, default 200. The first goes out at once. */
  readonly interval?: number | undefined
}

const fields = new Set(['interface', 'count', 'interval'])

/** The options with their defaults; `field` is how errors name the object. */
export const readAnnounce = (
  field: string,
  options: AnnounceOptions,
): { readonly interface: string | undefined; readonly count: number; readonly interval: number } => {
  checked.options(field, options, fields)
  const { count = 3, interval = 200 } = options
  return {
    interface:
      options.interface === undefined
        ? undefined
        : checked.interfaceName(`${field}.interface`, options.interface),
    count: check.integer(`${field}.count`, count, 1, 1000),
    interval: check.integer(`${field}.interval`, interval, 0, 60_000),
  }
}

const refused = (link: Link, reason: 'interface-down' | 'not-supported', explanation: string): IpvsError =>
  new IpvsError({ command: 'announce', subject: link.name, reason, errno: 0, explanation })

/** @throws IpvsError where nobody would hear an announcement. */
export const checkAnnounceable = (link: Link): void => {
  if (!link.arp || link.type !== ETHERNET || link.address.length !== 6) {
    const explanation = 'no Ethernet, or without ARP: name the interface towards the neighbours'
    throw refused(link, 'not-supported', explanation)
  }
  if (!link.up) throw refused(link, 'interface-down', 'the interface is down')
}

/** Sends; ends early, without an error, when the signal aborts. */
export const announceOn = async (
  netns: NetworkNamespace | undefined,
  link: Link,
  address: Uint8Array,
  { count, interval }: { readonly count: number; readonly interval: number },
  signal: AbortSignal | undefined,
): Promise<void> => {
  const packets = announcement(address, link.address, (link.ipv6.get(FORWARDING6) ?? 0) !== 0)
  for (let sent = 0; sent < count && !(sent > 0 && signal?.aborted); sent++) {
    if (sent > 0) await pause(interval, signal)
    for (const packet of packets) send(netns, link, address, packet)
  }
}

const send = (
  netns: NetworkNamespace | undefined,
  link: Link,
  address: Uint8Array,
  packet: Parameters<typeof sendPacket>[2],
): void => {
  try {
    sendPacket(netns, link.index, packet)
  } catch (error) {
    if (!isTransportError(error)) throw error
    const subject = `${formatAddress(address, familyOf(address))} on ${link.name}`
    throw routeError({ command: 'announce', subject }, error.errno)
  }
}
