// The network around a director as the checks see it: links, addresses, and the ways to addresses, in text.
// SPDX-License-Identifier: MIT

import { getSystemErrorName } from 'node:util'
import { AF_INET, AF_INET6 } from './abi.js'
import { bytesOf, formatAddress, parseAddress } from './address.js'
import type { Where } from './files.js'
import { readNetwork as read, type WireLink } from './netlink/route.js'
import { isTransportError } from './netlink/socket.js'
import type { Family } from './types.js'

export type Link = WireLink

export interface LinkAddress {
  readonly link: Link
  readonly address: string
  readonly family: Family
  readonly prefixLength: number
}

/** How the kernel would send a packet to an address. */
export interface Route {
  /** `local`: it is one of this machine's own; `none`: it would refuse to. */
  readonly type: 'local' | 'unicast' | 'none'
  readonly link: Link | undefined
  readonly gateway: string | undefined
  /** Of the route where it has one, else of the link. 0 with neither. */
  readonly mtu: number
}

export interface Network {
  readonly links: readonly Link[]
  readonly addresses: readonly LinkAddress[]
  readonly routes: ReadonlyMap<string, Route>
}

const RTN_LOCAL = 2

/**
 * Reads it, with the routes to these addresses.
 * @throws Error with code and errno when the namespace cannot be entered, or the kernel does not answer.
 */
export const readNetwork = async (targets: readonly string[], { netns }: Where = {}): Promise<Network> => {
  const asked = [...new Set(targets)].flatMap((text) => {
    const address = parseAddress(text)
    return address === undefined ? [] : [{ text, bytes: bytesOf(address) }]
  })
  const found = await read(
    netns,
    asked.map(({ bytes }) => bytes),
  ).catch((error: unknown) => {
    if (!isTransportError(error)) throw error
    const code = getSystemErrorName(-error.errno)
    const message = `cannot read links, addresses and routes (${error.syscall}: ${code})`
    throw Object.assign(new Error(message, { cause: error }), { code, errno: -error.errno })
  })
  const byIndex = new Map(found.links.map((link) => [link.index, link]))
  const text = (bytes: Uint8Array): string => formatAddress(bytes, bytes.length === 4 ? AF_INET : AF_INET6)
  const routes = new Map<string, Route>()
  for (const [i, { text: target }] of asked.entries()) {
    const { type, link: index, gateway, mtu, errno } = found.routes[i]!
    const link = byIndex.get(index)
    routes.set(target, {
      type: errno !== 0 || type === 0 ? 'none' : type === RTN_LOCAL ? 'local' : 'unicast',
      link,
      gateway: gateway === undefined ? undefined : text(gateway),
      mtu: mtu ?? link?.mtu ?? 0,
    })
  }
  return {
    links: found.links,
    addresses: found.addresses.flatMap(({ link: index, address, prefixLength }) => {
      const link = byIndex.get(index)
      if (link === undefined) return []
      const family: Family = address.length === 4 ? 'ipv4' : 'ipv6'
      return [{ link, address: text(address), family, prefixLength }]
    }),
    routes,
  }
}
