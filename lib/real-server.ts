// Sets a machine up as a real server whose replies go straight to the client (direct routing, tunneling), and back.
// SPDX-License-Identifier: MIT

import { familyOf, formatAddress } from './address.js'
import * as check from './check.js'
import { IpvsError } from './errors.js'
import type { NetworkNamespace } from './netlink/socket.js'
import {
  addVip,
  arpOf,
  checkLength,
  DEVICE,
  deleteVip,
  deviceWith,
  dropTunnel,
  openTunnel,
  read,
  type State,
  silence,
  talkative,
  tidy,
  tunnelOf,
} from './real-server-machine.js'
import type { TunnelNote } from './real-server-notes.js'
import * as checked from './route/check.js'
import { Route } from './route/route.js'
import type { Vip } from './vip.js'

/** How packets come from the director. */
export type RealServerForwarding = 'direct-routing' | 'tunneling'

/** Where a call acts. */
export interface RealServerOptions {
  /** Network namespace: a path (/run/netns/NAME, /proc/PID/ns/net) or an open descriptor. Default: the caller's. */
  readonly netns?: NetworkNamespace | undefined
}

/** How a real server is set up. */
export interface SetRealServerOptions extends RealServerOptions {
  /** As on the director. Default: direct-routing. With tunneling, direct routing works as well. */
  readonly forwarding?: RealServerForwarding | undefined
  /**
   * IPv4: the interfaces on which nothing may be said about the VIP. Default: all that there are and that speak ARP; for
   * one that comes later call `set` again.
   */
  readonly interfaces?: readonly string[] | undefined
}

/** net.ipv4.conf.INTERFACE.arp_ignore and arp_announce */
export interface ArpSettings {
  /** 0..8; 1: requests are answered only for addresses of the interface that they come in on. */
  readonly arpIgnore: number
  /** 0..2; 2: requests never name an address of another interface. */
  readonly arpAnnounce: number
}

/** An interface on which nothing is said about the VIPs. */
export interface RealServerInterface extends ArpSettings {
  /** Of the interface. */
  readonly name: string
  /** What `undo` puts back. */
  readonly before: ArpSettings
}

/** A tunnel device that the VIPs' packets come out of. */
export interface RealServerTunnel {
  /** `tunl0` or `ip6tnl0`. */
  readonly name: string
  /** Whether it takes packets now. */
  readonly up: boolean
  /** How it was. */
  readonly before: TunnelNote['before']
}

/** How a machine is set up. */
export interface RealServerStatus {
  /** The VIPs that this machine takes packets for. */
  readonly vips: readonly Pick<Vip, 'address' | 'family'>[]
  /** Interfaces whose settings were changed, as they are and as `undo` of the last IPv4 VIP leaves them. */
  readonly interfaces: readonly RealServerInterface[]
  /** Tunnel devices that were set up; `before` of one that was made is absent. */
  readonly tunnels: readonly RealServerTunnel[]
}

const textOf = (bytes: Uint8Array): string => formatAddress(bytes, familyOf(bytes))

const methods = { 'direct-routing': false, tunneling: true } as const

const statusOf = ({ links, notes, vips }: State): RealServerStatus => ({
  vips: vips.map(({ address, family }) => ({ address, family })),
  interfaces: notes.arp.flatMap((note) => {
    const link = links.find(({ index }) => index === note.index)
    if (link === undefined) return []
    const { ignore, announce } = arpOf(link)
    const before = { arpIgnore: note.ignore, arpAnnounce: note.announce }
    return [{ name: link.name, arpIgnore: ignore, arpAnnounce: announce, before }]
  }),
  tunnels: notes.tunnels.map(({ name, before }) => ({
    name,
    up: links.some((link) => link.name === name && link.up),
    before,
  })),
})

const setFields = new Set(['netns', 'forwarding', 'interfaces'])
const fields = new Set(['netns'])

const readInterfaces = (names: unknown): readonly string[] | undefined => {
  if (names === undefined) return undefined
  if (!Array.isArray(names) || names.length === 0)
    throw new TypeError('interfaces: expected an array of names')
  return names.map((name, i) => checked.interfaceName(`interfaces[${i}]`, name))
}

/**
 * Makes this machine take packets for a VIP that a director sends it by direct routing or in a tunnel (IPIP; IPv6 in IPv6),
 * and reply to clients itself. Called again it makes up for what is missing.
 *
 * - The VIP goes on a dummy device of its own, `ipvs-rs` (and not on `lo`, where it would serve as well, so that what is
 *   ours is told from what was there). IPv4 /32 of host scope and IPv6 /128 with a preferred lifetime of 0: this
 *   machine's own connections do not come from it.
 * - IPv4: nobody but the director may be found under the VIP. Interfaces that speak ARP get arp_ignore 1 and
 *   arp_announce 2, before the VIP is there; `all` stays as it is. IPv6 needs nothing: neighbours are answered only for
 *   addresses of the interface that they ask on.
 * - Tunneling: `tunl0` or `ip6tnl0` is set up; `tunl0` with rp_filter 2 (loose) and the VIP, for the kernel takes nothing
 *   from an interface that filters and has no IPv4 address.
 *
 * What `undo` needs is kept in the alias of `ipvs-rs`. Calls of one process are carried out one after the other; several
 * processes at the same time may undo what each other does. Needs CAP_NET_ADMIN in the namespace.
 * @throws TypeError or RangeError about the arguments.
 * @throws IpvsError 'no-such-interface'; 'not-supported' where the kernel has no such tunnel or dummy devices;
 * 'interface-exists' where there is another `ipvs-rs`; 'family-unsupported' where IPv6 is switched off. What was changed by
 * then is put back.
 */
export const set = async (vip: string, options: SetRealServerOptions = {}): Promise<RealServerStatus> => {
  checked.options('options', options, setFields)
  const bytes = checked.unicast('vip', vip)
  const { forwarding = 'direct-routing', interfaces } = options
  const tunneled = check.oneOf('forwarding', forwarding, methods)
  const names = readInterfaces(interfaces)
  const netns = checked.namespace(options.netns)
  const family = bytes.length === 4 ? 'ipv4' : 'ipv6'
  return Route.alone(netns, async (route) => {
    const { links, notes, vips } = await read(route)
    const loud = family === 'ipv4' ? talkative(links, names) : []
    checkLength(notes, loud, tunneled ? family : undefined)
    const tunnel = tunneled ? await tunnelOf(route, links, family) : undefined
    try {
      const target = await deviceWith(route, loud, tunnel).catch(async (error: unknown) => {
        if (tunnel !== undefined) await dropTunnel(route, tunnel)
        throw error
      })
      for (const link of loud) await silence(route, link)
      await addVip(route, bytes, target, tunnel && (await openTunnel(route, tunnel, family)))
    } catch (error) {
      if (vips.every((vip) => vip.address !== textOf(bytes))) await deleteVip(route, bytes)
      await tidy(route)
      throw error
    }
    return statusOf(await read(route))
  })
}

/**
 * Takes a VIP away; with the last of its family every setting that `set` has changed goes back to what it was, unless
 * somebody has given it another value since, and with the last of all the device `ipvs-rs` goes. Modules stay loaded.
 * @throws IpvsError 'no-such-address' where there is neither the VIP nor anything that an interrupted call left.
 */
export const undo = async (vip: string, options: RealServerOptions = {}): Promise<RealServerStatus> => {
  checked.options('options', options, fields)
  const bytes = checked.unicast('vip', vip)
  return Route.alone(checked.namespace(options.netns), async (route) => {
    const found = await deleteVip(route, bytes)
    if (!(await tidy(route)) && !found) {
      const explanation = `this real server is not set up for it: ${DEVICE} does not have it`
      throw new IpvsError({
        command: 'deleteAddress',
        subject: textOf(bytes),
        reason: 'no-such-address',
        errno: 0,
        explanation,
      })
    }
    return statusOf(await read(route))
  })
}

/** How this machine is set up, by what the kernel knows. */
export const status = async (options: RealServerOptions = {}): Promise<RealServerStatus> => {
  checked.options('options', options, fields)
  return Route.with(checked.namespace(options.netns), async (route) => statusOf(await read(route)))
}
