// What a real server needs of the kernel: the device of its VIPs, silence about them, tunnels; set, and put back.
// SPDX-License-Identifier: MIT

import { familyOf, formatAddress } from './address.js'
import { IpvsError } from './errors.js'
import {
  type ArpNote,
  formatNotes,
  type Notes,
  noNotes,
  parseNotes,
  type TunnelNote,
} from './real-server-notes.js'
import { ARP_ANNOUNCE, ARP_IGNORE, LONGEST_ALIAS, RP_FILTER, SCOPE_HOST, SCOPE_LINK } from './route/abi.js'
import {
  deleteAddress,
  deleteLink,
  type Link,
  type LinkAddress,
  newAddress,
  setLink,
} from './route/messages.js'
import type { Route } from './route/route.js'
import type { Family } from './types.js'

/** Carries the VIPs; its alias keeps what `undo` needs. Nothing else is ever on it. */
export const DEVICE = 'ipvs-rs'

/** What comes with the modules ipip and ip6_tunnel: they take packets from any director. */
const tunnels = { ipv4: { name: 'tunl0', kind: 'ipip' }, ipv6: { name: 'ip6tnl0', kind: 'ip6tnl' } } as const
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
 * a route to the client over any interface, replies need as well; and an IPv4 address of the interface (see addVip).
 */
const LOOSE = 2

export interface State {
  readonly links: readonly Link[]
  readonly device: Link | undefined
  readonly notes: Notes
  /** What the device carries. */
  readonly vips: readonly LinkAddress[]
  /** The IPv4 tunnel, if it is one of the notes, carries them too. */
  readonly tunnel: Link | undefined
  readonly tunneled: readonly LinkAddress[]
}

const foreign = (explanation: string): IpvsError =>
  new IpvsError({ command: 'newLink', subject: DEVICE, reason: 'interface-exists', errno: 0, explanation })

export const read = async (route: Route): Promise<State> => {
  const [links, addresses] = [await route.links(), await route.addresses()]
  const device = links.find(({ name }) => name === DEVICE)
  if (device === undefined)
    return { links, device, notes: noNotes, vips: [], tunnel: undefined, tunneled: [] }
  if (device.kind !== 'dummy') throw foreign('there is an interface of that name, and it is no dummy device')
  // Without an alias: an earlier call was interrupted just after it had made the device.
  const notes = device.alias === undefined ? noNotes : parseNotes(device.alias)
  if (notes === undefined)
    throw foreign(`there is one that is somebody else's: its alias is '${device.alias}'`)
  const vips = addresses.filter(({ index, scope }) => index === device.index && scope !== SCOPE_LINK)
  const name = notes.tunnels.find((note) => note.name === tunnels.ipv4.name)?.name
  const tunnel = links.find((link) => link.name === name)
  const tunneled = addresses.filter(({ index, scope }) => index === tunnel?.index && scope === SCOPE_HOST)
  return { links, device, notes, vips, tunnel, tunneled }
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

export const arpOf = ({ index, ipv4 }: Link): ArpNote => ({
  index,
  ignore: ipv4.get(ARP_IGNORE) ?? 0,
  announce: ipv4.get(ARP_ANNOUNCE) ?? 0,
})

/** Interfaces that would say something about the VIP. */
export const talkative = (links: readonly Link[], names: readonly string[] | undefined): readonly Link[] =>
  (names === undefined ? links : names.map((name) => named(links, name))).filter((link) => {
    const { ignore, announce } = arpOf(link)
    return link.arp && link.ipv4.size > 0 && (!SILENT.has(ignore) || announce < BEST_SOURCE)
  })

/** The tunnel device, made where the module did not bring it. */
export const tunnelOf = async (route: Route, links: readonly Link[], family: Family): Promise<TunnelNote> => {
  const { name, kind } = tunnels[family]
  let link = links.find((one) => one.name === name)
  let before: TunnelNote['before'] | undefined
  if (link === undefined) {
    // Where it cannot be made, loading the module has made it.
    before = (await route.make(name, kind)) ? 'absent' : 'down'
    link = named(await route.links(), name)
  }
  return { name, before: before ?? (link.up ? 'up' : 'down'), rpFilter: link.ipv4.get(RP_FILTER) ?? 0 }
}

/** Deletes a tunnel device that was made, and of which no notes could be taken. */
export const dropTunnel = async (route: Route, { name, before }: TunnelNote): Promise<void> => {
  if (before === 'absent') await route.change(deleteLink(named(await route.links(), name)))
}

/** The notes with what is about to be changed; what they know already was changed by us, and is no news. */
const noted = (notes: Notes, links: readonly Link[], tunnel: TunnelNote | undefined): Notes => {
  const arp = links.map(arpOf).filter(({ index }) => notes.arp.every((known) => known.index !== index))
  const isNews = tunnel !== undefined && notes.tunnels.every(({ name }) => name !== tunnel.name)
  return { arp: [...notes.arp, ...arp], tunnels: isNews ? [...notes.tunnels, tunnel] : notes.tunnels }
}

/** @throws RangeError where the notes would be longer than an alias may be. */
export const checkLength = (notes: Notes, links: readonly Link[], tunneled: Family | undefined): void => {
  const tunnel: TunnelNote | undefined = tunneled && {
    name: tunnels[tunneled].name,
    before: 'absent',
    rpFilter: LOOSE,
  }
  if (formatNotes(noted(notes, links, tunnel)).length <= LONGEST_ALIAS) return
  throw new RangeError(
    `interfaces: the settings of ${links.length} interfaces are more than can be kept for undo; name those that clients ` +
      'and director are on',
  )
}

/** The device, up, with what is about to be changed in its notes. */
export const deviceWith = async (
  route: Route,
  loud: readonly Link[],
  tunnel: TunnelNote | undefined,
): Promise<Link> => {
  let state = await read(route)
  if (state.device === undefined) {
    await route.make(DEVICE, 'dummy')
    state = await read(route) // Another process may have been faster, and have notes.
  }
  const { device } = state
  if (device === undefined) throw foreign('another interface has it as an alternative name')
  await route.change(setLink(device, { up: true, alias: formatNotes(noted(state.notes, loud, tunnel)) }))
  return device
}

export const silence = async (route: Route, link: Link): Promise<void> => {
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

/** Sets the tunnel device up. */
export const openTunnel = async (route: Route, { name }: TunnelNote, family: Family): Promise<Link> => {
  const link = named(await route.links(), name)
  const ipv4 = family === 'ipv4' ? { ipv4: new Map([[RP_FILTER, LOOSE]]) } : {}
  await route.change(setLink(link, { up: true, ...ipv4 }))
  return link
}

/**
 * Adds the VIP to the device, and before that to an IPv4 tunnel: from an interface without an IPv4 address the kernel takes
 * nothing where rp_filter is on, be it loose (`no_addr` in __fib_validate_source(), net/ipv4/fib_frontend.c).
 */
export const addVip = async (route: Route, bytes: Uint8Array, device: Link, tunnel?: Link): Promise<void> => {
  const addresses = await route.addresses()
  const text = formatAddress(bytes, familyOf(bytes))
  for (const link of tunnel !== undefined && bytes.length === 4 ? [tunnel, device] : [device]) {
    if (addresses.some(({ index, address }) => index === link.index && address === text)) continue
    const settings = { bytes, prefix: bytes.length * 8, scope: SCOPE_HOST, deprecated: true }
    await route.change(newAddress(settings, link))
  }
}

/** Takes the VIP from whatever carries it. True if there was anything. */
export const deleteVip = async (route: Route, bytes: Uint8Array): Promise<boolean> => {
  const { device, vips, tunnel, tunneled } = await read(route)
  const text = formatAddress(bytes, familyOf(bytes))
  let found = false
  for (const [link, carried] of [
    [tunnel, tunneled],
    [device, vips],
  ] as const) {
    const vip = carried.find(({ address }) => address === text)
    if (link === undefined || vip === undefined) continue
    await route.change(deleteAddress({ bytes, prefix: vip.prefix, scope: vip.scope }, link))
    found = true
  }
  return found
}

const untunnel = async (route: Route, link: Link, { before, rpFilter }: TunnelNote): Promise<void> => {
  if (before === 'absent') return route.change(deleteLink(link))
  const ipv4 = link.ipv4.get(RP_FILTER) === LOOSE ? { ipv4: new Map([[RP_FILTER, rpFilter]]) } : {}
  await route.change(setLink(link, { ...ipv4, ...(before === 'down' ? { up: false } : {}) }))
}

/** Puts back what no VIP needs any more; whatever way a call before it ended. True if there was anything. */
export const tidy = async (route: Route): Promise<boolean> => {
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
