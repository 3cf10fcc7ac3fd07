// VIPs: binds the addresses of virtual services to a director's interfaces, and announces them to its neighbours.
// SPDX-License-Identifier: MIT

import { familyOf, formatAddress } from './address.js'
import { type AnnounceOptions, announceOn, checkAnnounceable, readAnnounce } from './announce.js'
import * as check from './check.js'
import { IpvsError } from './errors.js'
import type { NetworkNamespace } from './netlink/socket.js'
import { type RouteCommand, SCOPE_GLOBAL, SCOPE_LINK } from './route/abi.js'
import * as checked from './route/check.js'
import {
  deleteAddress,
  deleteLink,
  type Link,
  type LinkAddress,
  newAddress,
  setLink,
} from './route/messages.js'
import { Route } from './route/route.js'
import type { Family } from './types.js'

/** An address that an interface has. */
export interface Vip {
  /** IPv4, or IPv6 in the form of RFC 5952. */
  readonly address: string
  /** Of the address. */
  readonly family: Family
  /** Length of the prefix: 32 or 128 for the address alone. */
  readonly prefix: number
  /** Its name. */
  readonly interface: string
}

/** Where a call acts. */
export interface VipOptions {
  /** Network namespace: a path (/run/netns/NAME, /proc/PID/ns/net) or an open descriptor. Default: the caller's. */
  readonly netns?: NetworkNamespace | undefined
}

/** How an address is bound. */
export interface AddVipOptions extends VipOptions {
  /** That gets the address, by name. */
  readonly interface: string
  /** 1..32 or 1..128. Default: 32 or 128, which adds no route to a network. */
  readonly prefix?: number | undefined
  /**
   * Where there is no such interface, make a dummy device of that name; `remove` deletes it with its last address. IPv4
   * neighbours are answered for such addresses on every interface; IPv6 neighbours only for those of the interface that
   * they ask on, so that an IPv6 VIP on a dummy device has to be routed here.
   */
  readonly create?: boolean | undefined
  /** Tell the neighbours: true, or how. */
  readonly announce?: boolean | AnnounceOptions | undefined
  /** Ends the announcing; the address stays. */
  readonly signal?: AbortSignal | undefined
}

const addFields = new Set(['netns', 'interface', 'prefix', 'create', 'announce', 'signal'])
const removeFields = new Set(['netns', 'interface'])
const listFields = new Set(['netns', 'all'])
const announceFields = new Set(['netns', 'interface', 'count', 'interval', 'signal'])

/** Marks a device as one that `add` made. */
const ALIAS = 'ipvs vip'

const textOf = (bytes: Uint8Array): string => formatAddress(bytes, familyOf(bytes))

const familyName = (bytes: Uint8Array): Family => (bytes.length === 4 ? 'ipv4' : 'ipv6')

const vipOf = ({ address, family, prefix }: LinkAddress, { name }: Link): Vip => ({
  address,
  family,
  prefix,
  interface: name,
})

const missing = (
  command: RouteCommand,
  subject: string,
  reason: 'no-such-interface' | 'no-such-address',
): IpvsError => {
  const explanation =
    reason === 'no-such-address'
      ? 'no interface of this namespace has the address'
      : 'no such network interface in this namespace'
  return new IpvsError({ command, subject, reason, errno: 0, explanation })
}

const linkNamed = (links: readonly Link[], name: string, command: RouteCommand): Link => {
  const link = links.find((one) => one.name === name)
  if (link === undefined) throw missing(command, name, 'no-such-interface')
  return link
}

/** A new dummy device, up and marked; or what another process has made in the meantime. */
const dummy = async (route: Route, name: string): Promise<Link> => {
  const isMine = await route.make(name, 'dummy')
  const link = linkNamed(await route.links(), name, 'newLink')
  if (!isMine) return link
  try {
    // The kernel takes an alias only for what is there: RTM_NEWLINK that makes a link leaves IFLA_IFALIAS out.
    await route.change(setLink(link, { up: true, alias: ALIAS }))
  } catch (error) {
    await route.change(deleteLink(link))
    throw error
  }
  return { ...link, up: true, alias: ALIAS }
}

/** Deletes a dummy device that `add` made, when it carries nothing more. */
const dropIfEmpty = async (route: Route, link: Link): Promise<void> => {
  if (link.kind !== 'dummy' || link.alias !== ALIAS) return
  const left = await route.addresses()
  if (left.every(({ index, scope }) => index !== link.index || scope === SCOPE_LINK))
    await route.change(deleteLink(link))
}

/**
 * Binds an address to an interface, as it is good for a VIP: IPv4 /32; IPv6 /128 without duplicate address detection
 * (usable at once, also while another director still has it) and, as /128, with a preferred lifetime of 0, so that the
 * director's own connections do not come from it.
 *
 * Needs CAP_NET_ADMIN in the namespace, and CAP_NET_RAW to announce.
 * @throws TypeError or RangeError about the arguments.
 * @throws IpvsError 'address-exists', 'no-such-interface', 'interface-down' (to announce on), 'family-unsupported' (IPv6
 * switched off) …; nothing stays changed then, also where announcing fails.
 */
export const add = async (address: string, options: AddVipOptions): Promise<Vip> => {
  checked.options('options', options, addFields)
  const bytes = checked.unicast('address', address)
  const widest = bytes.length * 8
  const prefix = check.integer('prefix', options.prefix ?? widest, 1, widest)
  const name = checked.interfaceName('interface', options.interface)
  const create = check.boolean('create', options.create ?? false)
  const { announce = false, signal } = options
  const telling =
    typeof announce === 'boolean'
      ? announce
        ? readAnnounce('announce', {})
        : undefined
      : readAnnounce('announce', announce)
  const netns = checked.namespace(options.netns)
  checked.signal(signal)
  signal?.throwIfAborted()
  const settings = { bytes, prefix, scope: SCOPE_GLOBAL, deprecated: prefix === 128 }
  const { link, towards } = await Route.alone(netns, async (route) => {
    const links = await route.links()
    const before = links.find((one) => one.name === name)
    if (before === undefined && !create) throw missing('newAddress', name, 'no-such-interface')
    const towards = telling && linkNamed(links, telling.interface ?? name, 'announce')
    if (towards !== undefined) checkAnnounceable(towards)
    const link = before ?? (await dummy(route, name))
    if (create && link.kind === 'dummy' && !link.up) await route.change(setLink(link, { up: true }))
    try {
      await route.change(newAddress(settings, link))
    } catch (error) {
      await dropIfEmpty(route, link)
      throw error
    }
    return { link, towards }
  })
  if (telling !== undefined && towards !== undefined) {
    try {
      await announceOn(netns, towards, bytes, telling, signal)
    } catch (error) {
      await Route.alone(netns, async (route) => {
        await route.change(deleteAddress(settings, link))
        await dropIfEmpty(route, link)
      })
      throw error
    }
  }
  return { address: textOf(bytes), family: familyName(bytes), prefix, interface: name }
}

export interface RemoveVipOptions extends VipOptions {
  /** Default: the one that has the address. */
  readonly interface?: string | undefined
}

/** The one interface that has the address. */
const placeOf = async (
  route: Route,
  address: string,
  name: string | undefined,
  command: RouteCommand,
): Promise<{ readonly link: Link; readonly found: LinkAddress }> => {
  const [links, all] = [await route.links(), await route.addresses()]
  if (name !== undefined) linkNamed(links, name, command)
  const places = all.flatMap((found) => {
    const link = links.find(({ index }) => index === found.index)
    return found.address === address && link !== undefined && (name ?? link.name) === link.name
      ? [{ link, found }]
      : []
  })
  const [place] = places
  if (place === undefined) throw missing(command, address, 'no-such-address')
  if (places.length === 1) return place
  const where = places.map(({ link, found }) => `/${found.prefix} on ${link.name}`).join(', ')
  const explanation = `it is bound more than once: ${where}`
  throw new IpvsError({ command, subject: address, reason: 'invalid', errno: 0, explanation })
}

/**
 * Takes an address from its interface; deletes the dummy device that `add` made for it when that has no other.
 * @returns what was removed.
 * @throws IpvsError 'no-such-address'; 'invalid' where several interfaces have it and none is named.
 */
export const remove = async (address: string, options: RemoveVipOptions = {}): Promise<Vip> => {
  checked.options('options', options, removeFields)
  const bytes = checked.unicast('address', address)
  const name =
    options.interface === undefined ? undefined : checked.interfaceName('interface', options.interface)
  return Route.alone(checked.namespace(options.netns), async (route) => {
    const { link, found } = await placeOf(route, textOf(bytes), name, 'deleteAddress')
    await route.change(deleteAddress({ bytes, prefix: found.prefix, scope: found.scope }, link))
    await dropIfEmpty(route, link)
    return vipOf(found, link)
  })
}

export interface ListVipsOptions extends VipOptions {
  /** Also addresses with a network around them, which are usually the machine's own. Default: /32 and /128 only. */
  readonly all?: boolean | undefined
}

/** The addresses that are bound as VIPs are; never those of `localhost` and link-local ones. */
export const list = async (options: ListVipsOptions = {}): Promise<readonly Vip[]> => {
  checked.options('options', options, listFields)
  const everything = check.boolean('all', options.all ?? false)
  return Route.with(checked.namespace(options.netns), async (route) => {
    const [links, addresses] = [await route.links(), await route.addresses()]
    return addresses.flatMap((found) => {
      const link = links.find(({ index }) => index === found.index)
      const isOwn = found.scope === SCOPE_LINK || found.address === '::1' || found.address.startsWith('127.')
      const isHost = found.prefix === (found.family === 'ipv4' ? 32 : 128)
      return link !== undefined && !isOwn && (isHost || everything) ? [vipOf(found, link)] : []
    })
  })
}

/**
 * Tells the neighbours that this machine has an address, so that they send to it at once instead of asking when what they
 * know has aged: gratuitous ARP, or unsolicited neighbour advertisements that override what they knew.
 *
 * Needs CAP_NET_RAW in the namespace.
 * @throws TypeError or RangeError about the arguments.
 * @throws IpvsError 'no-such-address' where this machine does not have it, 'no-such-interface', 'interface-down',
 * 'not-supported' where nobody would hear it.
 */
export const announce = async (
  address: string,
  options: AnnounceOptions & VipOptions & { readonly signal?: AbortSignal | undefined } = {},
): Promise<void> => {
  checked.options('options', options, announceFields)
  const bytes = checked.unicast('address', address)
  const { netns, signal, ...how } = options
  const telling = readAnnounce('options', how)
  const where = checked.namespace(netns)
  checked.signal(signal)
  signal?.throwIfAborted()
  await Route.with(where, async (route) => {
    const text = textOf(bytes)
    const [links, addresses] = [await route.links(), await route.addresses()]
    const owners = addresses.filter((found) => found.address === text)
    if (owners.length === 0) throw missing('announce', text, 'no-such-address')
    const link =
      telling.interface === undefined
        ? links.find(({ index }) => index === owners[0]?.index)
        : linkNamed(links, telling.interface, 'announce')
    if (link === undefined) throw missing('announce', text, 'no-such-interface')
    checkAnnounceable(link)
    await announceOn(where, link, bytes, telling, signal)
  })
}
