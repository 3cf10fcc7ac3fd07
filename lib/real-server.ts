// Sets a machine up as a real server whose replies go straight to the client (direct routing, tunneling), and back.
// SPDX-License-Identifier: MIT

import { familyOf, formatAddress } from './address.js'
import * as check from './check.js'
import { IpvsError } from './errors.js'
import type { NetworkNamespace } from './netlink/socket.js'
import {
  type ArpNote,
  formatNotes,
  type Notes,
  noNotes,
  parseNotes,
  type TunnelNote,
} from './real-server-notes.js'
import { ARP_ANNOUNCE, ARP_IGNORE, LONGEST_ALIAS, RP_FILTER, SCOPE_HOST, SCOPE_LINK } from './route/abi.js'
import * as checked from './route/check.js'
import {
  deleteAddress,
  deleteLink,
  type Link,
  type LinkAddress,
  newAddress,
  newLink,
  setLink,
} from './route/messages.js'
import { Route } from './route/route.js'
import type { Family } from './types.js'

/** How packets come from the director. */
export type RealServerForwarding = 'direct-routing' | 'tunneling'

export interface RealServerOptions {
  /** Network namespace: a path (/run/netns/NAME, /proc/PID/ns/net) or an open descriptor. Default: the caller's. */
  readonly netns?: NetworkNamespace | undefined
}

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
  readonly arpIgnore: number
  readonly arpAnnounce: number
}

/** How a machine is set up. */
export interface RealServerStatus {
  readonly vips: readonly { readonly address: string; readonly family: Family }[]
  /** Interfaces whose settings were changed, as they are and as `undo` of the last IPv4 VIP leaves them. */
  readonly interfaces: readonly (ArpSettings & { readonly name: string; readonly before: ArpSettings })[]
  /** Tunnel devices that were set up; `before` of one that was made is absent. */
  readonly tunnels: readonly {
    readonly name: string
    readonly up: boolean
    readonly before: TunnelNote['before']
  }[]
}

/** Carries the VIPs; its alias keeps what `undo` needs. Nothing else is ever on it. */
const DEVICE = 'ipvs-rs'

/** What comes with the modules ipip and ip6_tunnel: it takes packets from any director. */
const tunnels = { ipv4: { name: 'tunl0', kind: 'ipip' }, ipv6: { name: 'ip6tnl0', kind: 'ip6tnl' } } as const
const methods = { 'direct-routing': false, tunneling: true } as const

/**
 * With these values an interface does not answer for a VIP that is on another one and of host scope; the kernel takes the
 * greater one of this setting and that of `all`.
 */
const SILENT: ReadonlySet<number> = new Set([1, 2, 3, 8])
const ARP_IGNORED = 1
/** The source of questions is an address of the interface that they go out on, never the VIP. */
const BEST_SOURCE = 2
/**
 * A tunneled packet comes from a client, which is reached by another interface: strict filtering (1) would drop it. 2 and
 * not 0, because the greater one of this and of `all` counts, so that 0 would do nothing where `all` is 1. What 2 asks for,
 * a route to the client over any interface, replies need as well.
 */
const LOOSE = 2

interface State {
  readonly links: readonly Link[]
  readonly device: Link | undefined
  readonly notes: Notes
  readonly vips: readonly LinkAddress[]
}

const foreign = (explanation: string): IpvsError =>
  new IpvsError({ command: 'newLink', subject: DEVICE, reason: 'interface-exists', errno: 0, explanation })

const read = async (route: Route): Promise<State> => {
  const [links, addresses] = [await route.links(), await route.addresses()]
  const device = links.find(({ name }) => name === DEVICE)
  if (device === undefined) return { links, device, notes: noNotes, vips: [] }
  if (device.kind !== 'dummy') throw foreign('there is an interface of that name, and it is no dummy device')
  // Without an alias: an earlier call was interrupted just after it had made the device.
  const notes = device.alias === undefined ? noNotes : parseNotes(device.alias)
  if (notes === undefined)
    throw foreign(`there is one that is somebody else's: its alias is '${device.alias}'`)
  const vips = addresses.filter(({ index, scope }) => index === device.index && scope !== SCOPE_LINK)
  return { links, device, notes, vips }
}

const named = (links: readonly Link[], name: string): Link => {
  const link = links.find((one) => one.name === name)
  if (link !== undefined) return link
  const explanation = 'no such network interface in this namespace'
  throw new IpvsError({
    command: 'setLink',
    subject: name,
    reason: 'no-such-interface',
    errno: 0,
    explanation,
  })
}

const arpOf = ({ index, ipv4 }: Link): ArpNote => ({
  index,
  ignore: ipv4.get(ARP_IGNORE) ?? 0,
  announce: ipv4.get(ARP_ANNOUNCE) ?? 0,
})

/** Interfaces that would say something about the VIP. */
const talkative = (links: readonly Link[], names: readonly string[] | undefined): readonly Link[] =>
  (names === undefined ? links : names.map((name) => named(links, name))).filter((link) => {
    const { ignore, announce } = arpOf(link)
    return link.arp && link.ipv4.size > 0 && (!SILENT.has(ignore) || announce < BEST_SOURCE)
  })

/** The tunnel device, made where the module did not bring it. */
const tunnelOf = async (route: Route, links: readonly Link[], family: Family): Promise<TunnelNote> => {
  const { name, kind } = tunnels[family]
  let link = links.find((one) => one.name === name)
  let before: TunnelNote['before'] | undefined
  if (link === undefined) {
    before = await route.change(newLink(name, kind)).then(
      () => 'absent' as const,
      (error: unknown) => {
        // Loading the module has made it.
        if (error instanceof IpvsError && error.reason === 'interface-exists') return 'down' as const
        throw error
      },
    )
    link = named(await route.links(), name)
  }
  return { name, before: before ?? (link.up ? 'up' : 'down'), rpFilter: link.ipv4.get(RP_FILTER) ?? 0 }
}

/** The notes with what is about to be changed; what they know already was changed by us, and is no news. */
const noted = (notes: Notes, links: readonly Link[], tunnel: TunnelNote | undefined): Notes => {
  const arp = links.map(arpOf).filter(({ index }) => notes.arp.every((known) => known.index !== index))
  const isNews = tunnel !== undefined && notes.tunnels.every(({ name }) => name !== tunnel.name)
  return { arp: [...notes.arp, ...arp], tunnels: isNews ? [...notes.tunnels, tunnel] : notes.tunnels }
}

const checkLength = (notes: Notes): void => {
  if (formatNotes(notes).length <= LONGEST_ALIAS) return
  throw new RangeError(
    `interfaces: the settings of ${notes.arp.length} interfaces are more than can be kept for undo; name those that clients ` +
      'and director are on',
  )
}

/** The device with those notes, up. */
const deviceWith = async (route: Route, device: Link | undefined, notes: Notes): Promise<Link> => {
  if (device === undefined) await route.change(newLink(DEVICE, 'dummy'))
  const link = device ?? named(await route.links(), DEVICE)
  await route.change(setLink(link, { up: true, alias: formatNotes(notes) }))
  return link
}

const silence = async (route: Route, link: Link): Promise<void> => {
  const { ignore, announce } = arpOf(link)
  const settings = new Map<number, number>()
  if (!SILENT.has(ignore)) settings.set(ARP_IGNORE, ARP_IGNORED)
  if (announce < BEST_SOURCE) settings.set(ARP_ANNOUNCE, BEST_SOURCE)
  await route.change(setLink(link, { ipv4: settings }))
}

/** Puts an interface back, as far as nobody has set it to something else since. */
const unsilence = async (route: Route, link: Link, note: ArpNote): Promise<void> => {
  const { ignore, announce } = arpOf(link)
  const settings = new Map<number, number>()
  if (ignore === ARP_IGNORED && !SILENT.has(note.ignore)) settings.set(ARP_IGNORE, note.ignore)
  if (announce === BEST_SOURCE && note.announce < BEST_SOURCE) settings.set(ARP_ANNOUNCE, note.announce)
  if (settings.size > 0) await route.change(setLink(link, { ipv4: settings }))
}

const untunnel = async (route: Route, link: Link, { before, rpFilter }: TunnelNote): Promise<void> => {
  if (before === 'absent') return route.change(deleteLink(link))
  const ipv4 = link.ipv4.get(RP_FILTER) === LOOSE ? { ipv4: new Map([[RP_FILTER, rpFilter]]) } : {}
  await route.change(setLink(link, { ...ipv4, ...(before === 'down' ? { up: false } : {}) }))
}

/** Puts back what no VIP needs any more; whatever way a call before it ended. True if there was anything. */
const tidy = async (route: Route): Promise<boolean> => {
  const { links, device, notes, vips } = await read(route)
  if (device === undefined) return false
  const used = (family: Family): boolean => vips.some((vip) => vip.family === family)
  const arp = used('ipv4') ? [] : notes.arp
  const idle = notes.tunnels.filter(({ name }) => !used(name === tunnels.ipv4.name ? 'ipv4' : 'ipv6'))
  for (const note of arp) {
    const link = links.find(({ index }) => index === note.index)
    if (link !== undefined) await unsilence(route, link, note)
  }
  for (const note of idle) {
    const link = links.find(({ name }) => name === note.name)
    if (link !== undefined) await untunnel(route, link, note)
  }
  if (vips.length === 0) await route.change(deleteLink(device))
  else if (arp.length + idle.length > 0) {
    const left: Notes = {
      arp: notes.arp.filter((note) => !arp.includes(note)),
      tunnels: notes.tunnels.filter((note) => !idle.includes(note)),
    }
    await route.change(setLink(device, { alias: formatNotes(left) }))
  }
  return vips.length === 0 || arp.length + idle.length > 0
}

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
 * - Tunneling: `tunl0` or `ip6tnl0` is set up, with rp_filter 2 (loose).
 *
 * What `undo` needs is kept in the alias of `ipvs-rs`. Needs CAP_NET_ADMIN in the namespace.
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
  return Route.with(netns, async (route) => {
    const { links, device, notes, vips } = await read(route)
    const loud = family === 'ipv4' ? talkative(links, names) : []
    const longest: TunnelNote = { name: tunnels[family].name, before: 'absent', rpFilter: LOOSE }
    checkLength(noted(notes, loud, tunneled ? longest : undefined))
    try {
      const tunnel = tunneled ? await tunnelOf(route, links, family) : undefined
      const target = await deviceWith(route, device, noted(notes, loud, tunnel))
      for (const link of loud) await silence(route, link)
      if (tunnel !== undefined) {
        const link = named(await route.links(), tunnel.name)
        const ipv4 = family === 'ipv4' ? { ipv4: new Map([[RP_FILTER, LOOSE]]) } : {}
        await route.change(setLink(link, { up: true, ...ipv4 }))
      }
      const text = formatAddress(bytes, familyOf(bytes))
      if (vips.every(({ address }) => address !== text)) {
        const settings = { bytes, prefix: bytes.length * 8, scope: SCOPE_HOST, deprecated: true }
        await route.change(newAddress(settings, target))
      }
    } catch (error) {
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
  return Route.with(checked.namespace(options.netns), async (route) => {
    const { device, vips } = await read(route)
    const text = formatAddress(bytes, familyOf(bytes))
    const found = vips.find(({ address }) => address === text)
    if (found !== undefined && device !== undefined) {
      await route.change(deleteAddress({ bytes, prefix: found.prefix, scope: found.scope }, device))
    }
    if (!(await tidy(route)) && found === undefined) {
      const explanation = `this real server is not set up for it: ${DEVICE} does not have it`
      throw new IpvsError({
        command: 'deleteAddress',
        subject: text,
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
