// What is asked of rtnetlink, as bytes, and links and addresses read from its replies.
// SPDX-License-Identifier: MIT

import { AF_INET, AF_INET6 } from '../abi.js'
import { familyOf, formatAddress } from '../address.js'
import { type AttributeSet, littleEndian, type Of, type Table, Writer } from '../netlink/attr.js'
import {
  end,
  HEADER,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REQUEST,
  stamp,
  walk,
} from '../netlink/message.js'
import {
  addressAttributes,
  commands,
  FOREVER,
  IFA_F_NODAD,
  IFF_LOOPBACK,
  IFF_NOARP,
  IFF_UP,
  linkAttributes,
  type RouteCommand,
  RTN_LOCAL,
  routeAttributes,
  type Settings,
} from './abi.js'

/** struct ifinfomsg, ifaddrmsg and rtmsg stand before the attributes. */
const LINK_HEADER = 16
const ADDRESS_HEADER = 8
const ROUTE_HEADER = 12
/** So many answers fit the socket's default receive buffer. */
const CHUNK = 64

export interface RouteRequest {
  readonly command: RouteCommand
  /** What it is about, for errors. */
  readonly subject?: string
  readonly bytes: Uint8Array
  /** Messages in it. Default 1. */
  readonly count?: number
}

const none: Settings = new Map()

/** A network interface. */
export interface Link {
  readonly index: number
  readonly name: string
  /** ARPHRD_… of <linux/if_arp.h>. */
  readonly type: number
  readonly up: boolean
  readonly loopback: boolean
  /** Neighbours are asked for with ARP on it. */
  readonly arp: boolean
  /** `dummy`, `ipip` …; undefined of physical ones. */
  readonly kind: string | undefined
  readonly alias: string | undefined
  readonly mtu: number
  /** Its link-layer address. */
  readonly address: Uint8Array
  readonly ipv4: Settings
  readonly ipv6: Settings
}

/** An address of an interface. */
export interface LinkAddress {
  readonly address: string
  readonly family: 'ipv4' | 'ipv6'
  readonly prefix: number
  /** RT_SCOPE_… */
  readonly scope: number
  readonly index: number
}

type Header = (view: DataView, at: number) => void

const message = <T extends Table>(
  command: keyof typeof commands,
  flags: number,
  subject: string | undefined,
  size: number,
  header: Header,
  attributes: AttributeSet<T>,
  values: Of<T>,
): RouteRequest => {
  const out = new Writer(512)
  const start = out.reserve(HEADER + size)
  header(out.view, start + HEADER)
  attributes.write(out, values)
  end(out, start)
  stamp(out.view, start, commands[command], NLM_F_REQUEST | flags, 1)
  return { command, ...(subject === undefined ? {} : { subject }), bytes: out.bytes.subarray(0, out.length) }
}

const link =
  (index: number, up: boolean | undefined): Header =>
  (view, at) => {
    view.setInt32(at + 4, index, littleEndian)
    view.setUint32(at + 8, up === true ? IFF_UP : 0, littleEndian)
    view.setUint32(at + 12, up === undefined ? 0 : IFF_UP, littleEndian)
  }

const noHeader: Header = () => undefined

/** Makes an interface of that kind, which loads its module; it is an error if there is one of that name. */
export const newLink = (name: string, kind: string): RouteRequest =>
  message(
    'newLink',
    NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
    name,
    LINK_HEADER,
    link(0, undefined),
    linkAttributes,
    { name, info: { kind } },
  )

export interface LinkChange {
  readonly up?: boolean
  readonly alias?: string
  /** Settings of IPv4; others stay. */
  readonly ipv4?: Settings
}

export const setLink = ({ index, name }: Link, { up, alias, ipv4 }: LinkChange): RouteRequest =>
  message('setLink', NLM_F_ACK, name, LINK_HEADER, link(index, up), linkAttributes, {
    alias,
    families: ipv4 === undefined ? undefined : { ipv4: { settings: ipv4 } },
  })

export const deleteLink = ({ index, name }: Link): RouteRequest =>
  message('deleteLink', NLM_F_ACK, name, LINK_HEADER, link(index, undefined), linkAttributes, {})

export const listLinks = (): RouteRequest =>
  message('getLink', NLM_F_DUMP, undefined, LINK_HEADER, noHeader, linkAttributes, {})

/** What an address is written as. */
export interface AddressSettings {
  readonly bytes: Uint8Array
  readonly prefix: number
  readonly scope: number
  /** IPv6: a deprecated address is no source of connections that name none. */
  readonly deprecated?: boolean
}

const address =
  ({ bytes, prefix, scope }: AddressSettings, index: number): Header =>
  (view, at) => {
    view.setUint8(at, familyOf(bytes))
    view.setUint8(at + 1, prefix)
    view.setUint8(at + 3, scope)
    view.setUint32(at + 4, index, littleEndian)
  }

const textOf = ({ bytes, prefix }: AddressSettings, { name }: Link): string =>
  `${formatAddress(bytes, familyOf(bytes))}/${prefix} on ${name}`

/** IPv6 without duplicate address detection: for a second the address would not work, and in a takeover not at all. */
export const newAddress = (settings: AddressSettings, where: Link): RouteRequest => {
  const { bytes, deprecated } = settings
  const isV6 = familyOf(bytes) === AF_INET6
  return message(
    'newAddress',
    NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
    textOf(settings, where),
    ADDRESS_HEADER,
    address(settings, where.index),
    addressAttributes,
    {
      address: bytes,
      local: bytes,
      lifetimes: isV6 && deprecated ? { preferred: 0, valid: FOREVER } : undefined,
      flags: isV6 ? IFA_F_NODAD : undefined,
    },
  )
}

export const deleteAddress = (settings: AddressSettings, where: Link): RouteRequest =>
  message(
    'deleteAddress',
    NLM_F_ACK,
    textOf(settings, where),
    ADDRESS_HEADER,
    address(settings, where.index),
    addressAttributes,
    { address: settings.bytes, local: settings.bytes },
  )

export const listAddresses = (): RouteRequest =>
  message('getAddress', NLM_F_DUMP, undefined, ADDRESS_HEADER, noHeader, addressAttributes, {})

/** How the kernel would send a packet to an address. */
export interface Way {
  /** `local`: it is one of this machine's own; `none`: it would refuse to. */
  readonly type: 'local' | 'unicast' | 'none'
  /** Of the interface; 0 for none. */
  readonly index: number
  readonly gateway: string | undefined
  /** The route's own, where it has one. */
  readonly mtu: number | undefined
}

/** Asks for the ways to addresses of 4 or 16 bytes, at least one. */
export const findWays = (targets: readonly Uint8Array[]): RouteRequest => {
  const out = new Writer(64 * targets.length)
  for (const [i, destination] of targets.entries()) {
    const start = out.reserve(HEADER + ROUTE_HEADER)
    out.view.setUint8(start + HEADER, familyOf(destination))
    out.view.setUint8(start + HEADER + 1, destination.length * 8)
    routeAttributes.write(out, { destination })
    end(out, start)
    const isLast = (i + 1) % CHUNK === 0 || i === targets.length - 1
    stamp(out.view, start, commands.getRoute, NLM_F_REQUEST | (isLast ? NLM_F_ACK : 0), i + 1)
  }
  return { command: 'getRoute', bytes: out.bytes.subarray(0, out.length), count: targets.length }
}

/** For each of them the way; an errno says that there is none. */
export const waysIn = (replies: Uint8Array, count: number): readonly Way[] => {
  const nowhere: Way = { type: 'none', index: 0, gateway: undefined, mtu: undefined }
  const found: Way[] = Array.from({ length: count }, () => nowhere)
  const take: Parameters<typeof walk>[1] = (reply, view) => {
    if (reply.kind !== 'data' || reply.type !== commands.newRoute) return
    const attributes = routeAttributes.read(view, reply.offset, reply.length)
    const gateway = attributes.gateway ?? attributes.via?.subarray(2) // `via` begins with its family
    found[reply.sequence - 1] = {
      type: view.getUint8(reply.offset - ROUTE_HEADER + 7) === RTN_LOCAL ? 'local' : 'unicast',
      index: attributes.link ?? 0,
      gateway: gateway === undefined ? undefined : formatAddress(gateway, familyOf(gateway)),
      mtu: attributes.metrics?.mtu,
    }
  }
  walk(replies, take, ROUTE_HEADER)
  return found
}

/** The links of a dump, in the kernel's order. */
export const linksIn = (replies: Uint8Array): readonly Link[] => {
  const found: Link[] = []
  const take: Parameters<typeof walk>[1] = (reply, view) => {
    if (reply.kind !== 'data' || reply.type !== commands.newLink) return
    const header = reply.offset - LINK_HEADER
    const flags = view.getUint32(header + 8, littleEndian)
    const { address, name, mtu, info, alias, families } = linkAttributes.read(
      view,
      reply.offset,
      reply.length,
    )
    found.push({
      index: view.getInt32(header + 4, littleEndian),
      name: name ?? '',
      type: view.getUint16(header + 2, littleEndian),
      up: (flags & IFF_UP) !== 0,
      loopback: (flags & IFF_LOOPBACK) !== 0,
      arp: (flags & (IFF_NOARP | IFF_LOOPBACK)) === 0,
      kind: info?.kind,
      alias,
      mtu: mtu ?? 0,
      address: address ?? new Uint8Array(0),
      ipv4: families?.ipv4?.settings ?? none,
      ipv6: families?.ipv6?.settings ?? none,
    })
  }
  walk(replies, take, LINK_HEADER)
  return found
}

/** The IPv4 and IPv6 addresses of a dump, in the kernel's order. */
export const addressesIn = (replies: Uint8Array): readonly LinkAddress[] => {
  const found: LinkAddress[] = []
  const take: Parameters<typeof walk>[1] = (reply, view) => {
    if (reply.kind !== 'data' || reply.type !== commands.newAddress) return
    const header = reply.offset - ADDRESS_HEADER
    const family = view.getUint8(header)
    const attributes = addressAttributes.read(view, reply.offset, reply.length)
    // Of a point-to-point interface `address` is that of the other end.
    const bytes = attributes.local ?? attributes.address
    if (bytes === undefined || (family !== AF_INET && family !== AF_INET6)) return
    found.push({
      address: formatAddress(bytes, family),
      family: family === AF_INET ? 'ipv4' : 'ipv6',
      prefix: view.getUint8(header + 1),
      scope: view.getUint8(header + 3),
      index: view.getUint32(header + 4, littleEndian),
    })
  }
  walk(replies, take, ADDRESS_HEADER)
  return found
}
