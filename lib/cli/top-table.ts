// What `ipvs top` reads: the services each time; of their real servers those that are seen, and the others by turns.
// SPDX-License-Identifier: MIT

import { unlessGone } from '../gone.js'
import { hostPort, nameOfStatus } from '../objects.js'
import { type Gauge, measure, type Rates } from '../rates.js'
import type { DestinationStatus, ServiceStatus } from '../types.js'
import { refill, type WatchClient, type WatchedDestination } from '../watch.js'

export type TopClient = WatchClient & {
  readonly services: { list(): Promise<readonly ServiceStatus[]> }
}

export interface TopService {
  readonly name: string
  readonly status: ServiceStatus
  readonly rates: Rates | null
  readonly servers: TopServers
}

/** The real servers of a service, as of their last reading, and what they are together. */
export interface TopServers {
  readonly list: readonly WatchedDestination[]
  readonly active: number
  readonly inactive: number
  /** Of weight 0, with connections. */
  readonly draining: number
}

/** Services whose real servers are read beside those that are seen: the others' connections are that much older. */
const BY_TURNS = 100

interface Known {
  readonly gauge: Gauge
  readonly gauges: ReadonlyMap<string, Gauge>
  readonly top: TopService
}

/**
 * All services come in one dump, but real servers take one for each service. So those out of sight are read once at the
 * beginning and then by turns; what was not read stays as it was.
 */
export class TopTable {
  readonly #client: TopClient
  #known: ReadonlyMap<string, Known> = new Map()
  #turn = 0

  constructor(client: TopClient) {
    this.#client = client
  }

  /** `seen` are names of services whose real servers have to be new; undefined: all. */
  async read(seen: ReadonlySet<string> | undefined): Promise<readonly TopService[]> {
    const services = await this.#services()
    const names = [...services.keys()]
    const turn = this.#turn % Math.max(1, names.length)
    this.#turn = turn + BY_TURNS
    const isWanted = (name: string, i: number): boolean =>
      seen === undefined ||
      seen.has(name) ||
      !this.#known.has(name) ||
      (i - turn + names.length) % names.length < BY_TURNS
    const read = await Promise.all(
      names.map(async (name, i): Promise<[string, Known] | undefined> => {
        const status = services.get(name)!
        const before = this.#known.get(name)
        const fresh = isWanted(name, i)
          ? await this.#servers(status, before?.top.servers.list ?? [])
          : undefined
        if (fresh === null) return undefined
        return [name, update(name, status, before, fresh, performance.now())]
      }),
    )
    this.#known = new Map(read.filter((one) => one !== undefined))
    return [...this.#known.values()].map(({ top }) => top)
  }

  /** A list lacks what others' changes made the kernel skip: what was there before is asked for by name. */
  async #services(): Promise<ReadonlyMap<string, ServiceStatus>> {
    const { services } = this.#client
    const found = new Map((await services.list()).map((status) => [nameOfStatus(status), status]))
    const lost = [...this.#known].filter(([name]) => !found.has(name))
    const again = await Promise.all(lost.map(([, { top }]) => unlessGone(services.get(top.status))))
    for (const status of again) if (status !== undefined) found.set(nameOfStatus(status), status)
    return found
  }

  /** null: the service is gone. */
  async #servers(
    status: ServiceStatus,
    before: readonly DestinationStatus[],
  ): Promise<readonly DestinationStatus[] | null> {
    const destinations = await unlessGone(this.#client.destinations.list(status))
    if (destinations === undefined) return null
    const filled = await refill(this.#client, { ...status, destinations }, before, {})
    return filled === undefined ? null : filled.destinations
  }
}

/** A reading added to what is known; `fresh` is undefined where the real servers were not read. */
const update = (
  name: string,
  status: ServiceStatus,
  before: Known | undefined,
  fresh: readonly DestinationStatus[] | undefined,
  now: number,
): Known => {
  const gauge = measure(before?.gauge, status.stats, now)
  const { gauges, servers } =
    fresh === undefined && before !== undefined
      ? { gauges: before.gauges, servers: before.top.servers }
      : rated(before?.gauges ?? new Map(), fresh ?? [], now)
  return { gauge, gauges, top: { name, status, rates: gauge.rates, servers } }
}

const rated = (
  before: ReadonlyMap<string, Gauge>,
  fresh: readonly DestinationStatus[],
  now: number,
): { readonly gauges: ReadonlyMap<string, Gauge>; readonly servers: TopServers } => {
  const gauges = new Map<string, Gauge>()
  const list: WatchedDestination[] = []
  let [active, inactive, draining] = [0, 0, 0]
  for (const server of fresh) {
    const id = hostPort(server)
    const gauge = measure(before.get(id), server.stats, now)
    gauges.set(id, gauge)
    list.push({ ...server, rates: gauge.rates })
    active += server.activeConns
    inactive += server.inactiveConns
    if (isDraining(server)) draining++
  }
  return { gauges, servers: { list, active, inactive, draining } }
}

/** No new connections, but old ones. */
export const isDraining = ({ weight, activeConns, inactiveConns }: DestinationStatus): boolean =>
  weight === 0 && activeConns + inactiveConns > 0
