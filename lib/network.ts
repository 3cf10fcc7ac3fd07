// The network around a director as the checks see it: links, addresses, and the ways to addresses.
// SPDX-License-Identifier: MIT

import { bytesOf, parseAddress } from './address.js'
import type { Where } from './files.js'
import type { Link, LinkAddress as PlacedAddress, Way } from './route/messages.js'
import { Route as Rtnetlink } from './route/route.js'
import type { Family } from './types.js'

export type { Link }

export interface LinkAddress {
  readonly link: Link
  readonly address: string
  readonly family: Family
  readonly prefixLength: number
  /** RT_SCOPE_… */
  readonly scope: number
}

/** How the kernel would send a packet to an address. */
export interface Route extends Pick<Way, 'type' | 'gateway'> {
  readonly link: Link | undefined
  /** Of the route where it has one, else of the link. 0 with neither. */
  readonly mtu: number
}

export interface Network {
  readonly links: readonly Link[]
  readonly addresses: readonly LinkAddress[]
  readonly routes: ReadonlyMap<string, Route>
}

/**
 * Reads it, with the routes to these addresses; needs no privilege but for another namespace.
 * @throws IpvsError when the namespace cannot be entered, or the kernel does not answer.
 */
export const readNetwork = (targets: readonly string[], { netns }: Where = {}): Promise<Network> =>
  Rtnetlink.with(netns, async (rtnetlink) => {
    const asked = [...new Set(targets)].flatMap((text) => {
      const address = parseAddress(text)
      return address === undefined ? [] : [{ text, bytes: bytesOf(address) }]
    })
    const links = await rtnetlink.links()
    const addresses = await rtnetlink.addresses()
    const ways = await rtnetlink.ways(asked.map(({ bytes }) => bytes))
    const byIndex = new Map(links.map((link) => [link.index, link]))
    const placed = ({ index, prefix, address, family, scope }: PlacedAddress): LinkAddress[] => {
      const link = byIndex.get(index)
      return link === undefined ? [] : [{ link, address, family, prefixLength: prefix, scope }]
    }
    return {
      links,
      addresses: addresses.flatMap(placed),
      routes: new Map(
        ways.map(({ type, index, gateway, mtu }, i) => {
          const link = byIndex.get(index)
          return [asked[i]!.text, { type, link, gateway, mtu: mtu ?? link?.mtu ?? 0 }]
        }),
      ),
    }
  })
