// Services and real servers for the tests of the schedulers, and how often each was chosen.
// SPDX-License-Identifier: MIT

import type { Destination } from '../../lib/index.ts'

export const web = { protocol: 'tcp', address: '192.0.2.10', port: 80 } as const
export const web6 = { protocol: 'tcp', address: '2001:db8:ffff::10', port: 80 } as const

export type Server = Destination & { readonly port: number; readonly weight: number }

const list = (count: number, at: (i: number) => Pick<Server, 'address' | 'port'>, weight = 100): Server[] =>
  Array.from({ length: count }, (_, i) => ({ ...at(i), weight, forwarding: 'masquerading' }))

export const hosts = (count = 30, weight?: number): Server[] =>
  list(count, (i) => ({ address: `10.1.${(i + 1) >> 8}.${(i + 1) & 255}`, port: 80 }), weight)

/** 5 hosts with 10 ports each. */
export const ports = (): Server[] =>
  list(50, (i) => ({ address: `10.2.0.${1 + Math.floor(i / 10)}`, port: 8000 + (i % 10) }))

export const hosts6 = (count = 30): Server[] =>
  list(count, (i) => ({ address: `2001:db8:ffff:1::${(i + 1).toString(16)}`, port: 80 }))

/** Weights from 1 to 199, so that no two servers are alike to a scheduler. */
export const uneven = (servers: readonly Server[]): Server[] =>
  servers.map((server, i) => ({ ...server, weight: 1 + ((i * 61) % 199) }))

/**
 * Servers of an IPv4 service, of which in-tree mh sees no more than the first 32 bits, 32.1.13.184: one server
 * instead of twenty.
 */
export const tunnels = (): Server[] =>
  ['32.1.13.184', ...hosts6(19).map(({ address }) => address)].map((address) => ({
    address,
    port: 80,
    weight: 100,
    forwarding: 'tunneling',
  }))

const host = (address: string): string => (address.includes(':') ? `[${address}]` : address)
export const nameOf = ({ address, port }: Pick<Server, 'address' | 'port'>): string =>
  `${host(address)}:${port}`

/** For a weight of 0 give the servers as they are then. */
export interface Spread {
  /** Chosen most often, against what its weight would give it. */
  readonly peak: number
  /** … and least often. */
  readonly least: number
  /** Sum of squared errors against what a fair draw would have: 1 in the mean, whatever the number of servers. */
  readonly chi2: number
}

/** How fairly these choices are spread over the servers with a weight. */
export const spreadOf = (servers: readonly Server[], chosen: Iterable<string>): Spread => {
  const counts = new Map(servers.filter(({ weight }) => weight > 0).map((server) => [nameOf(server), 0]))
  let total = 0
  for (const name of chosen) {
    counts.set(name, counts.get(name)! + 1) // NaN for one that is not there, which no test survives.
    total++
  }
  const weights = servers.reduce((sum, { weight }) => sum + weight, 0)
  const live = servers.filter(({ weight }) => weight > 0)
  const shares = live.map((server) => {
    const fair = (total * server.weight) / weights
    const count = counts.get(nameOf(server))!
    return { ratio: count / fair, error: (count - fair) ** 2 / fair }
  })
  return {
    peak: Math.max(...shares.map(({ ratio }) => ratio)),
    least: Math.min(...shares.map(({ ratio }) => ratio)),
    chi2: shares.reduce((sum, { error }) => sum + error, 0) / (live.length - 1),
  }
}

/** How many of these clients are elsewhere now, and from which servers they came. */
export const moved = (
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): { readonly count: number; readonly from: ReadonlySet<string>; readonly to: ReadonlySet<string> } => {
  if (before.size !== after.size) throw new Error(`${before.size} clients, then ${after.size}`)
  const clients = [...before.keys()].filter((client) => before.get(client) !== after.get(client))
  return {
    count: clients.length,
    from: new Set(clients.map((client) => before.get(client)!)),
    to: new Set(clients.map((client) => after.get(client)!)),
  }
}
