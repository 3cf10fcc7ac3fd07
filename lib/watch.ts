// Watch: the table read again and again, what changed between two readings, and rates.
// SPDX-License-Identifier: MIT

import { type TableChange, tableChanges } from './changes.js'
import * as check from './check.js'
import type { Destinations } from './destinations.js'
import type { Director } from './director.js'
import { unlessGone } from './gone.js'
import { hostPort, nameOfStatus } from './objects.js'
import { nextPoint, pause } from './pause.js'
import { type Gauge, measure, type Rates } from './rates.js'
import type { Services } from './services.js'
import type { CallOptions, DestinationStatus, ServiceStatus, SnapshotService } from './types.js'

/** What watch() needs of a client. */
export type WatchClient = Pick<Director, 'snapshot'> & {
  /** Asks for a service that a reading lacks. */
  readonly services: Pick<Services, 'get'>
  /** Asks for real servers that a reading lacks. */
  readonly destinations: Pick<Destinations, 'list'>
}

/** Options of watch(). */
export interface WatchOptions {
  /**
   * Milliseconds from reading to reading, 1..2147483647, default 2000. The kernel adds its counters up every 2 seconds:
   * rates over T seconds are right to about 2/T of themselves, and evenest where T is a multiple of 2.
   */
  readonly interval?: number | undefined
  /** Ends the iteration. */
  readonly signal?: AbortSignal | undefined
}

/** With rates. */
export interface Rated {
  /** null: not known, because it was first seen now, or somebody set the counters back since the reading before. */
  readonly rates: Rates | null
}

/** A real server as it is, with rates. */
export type WatchedDestination = DestinationStatus & Rated
/** A service as it is, with rates, and with its real servers. */
export type WatchedService = ServiceStatus &
  Rated & {
    /** As the snapshot has them. */
    readonly destinations: readonly WatchedDestination[]
  }

/** What watch() sees at a reading. */
export interface WatchedTable {
  /** The whole table, with rates. */
  readonly services: readonly WatchedService[]
  /** What differs from the item before; nothing in the first. */
  readonly changes: readonly TableChange[]
  /** As of a snapshot: when false, something that others added just now may be missing, and comes later. */
  readonly stable: boolean
  /** When the reading was complete. */
  readonly at: Date
  /** Milliseconds since the reading before was complete, measured; 0 in the first item. */
  readonly elapsed: number
}

const fields = new Set(['interval', 'signal'])

/**
 * Reads the table now and then every `interval`, and yields each time what it is, what changed, and rates. IPVS has no
 * events: what comes and goes between two readings is not seen, and of several changes to one setting only the sum.
 *
 * Readings never overlap and do not drift: one that takes longer than the interval, or a slow consumer, skips points of
 * time. What a reading lacks while others change the table counts as removed only when asking for the service by name, or
 * another list of its real servers, confirms it.
 *
 * Ends without an error when the signal aborts; leaving the loop needs no signal. (`return()` called from elsewhere takes
 * effect when the wait for the next reading is over: the signal is faster.)
 *
 * @throws TypeError or RangeError about the options, at once.
 * @throws IpvsError as snapshot() does.
 */
export const watch = (
  client: WatchClient,
  options: WatchOptions = {},
): AsyncGenerator<WatchedTable, void, undefined> => {
  check.object('options', options)
  check.knownFields('options', options, fields)
  const { interval = 2000, signal } = options
  check.callOptions({ signal })
  return run(client, check.integer('options.interval', interval, 1, 0x7fffffff), signal)
}

async function* run(
  client: WatchClient,
  interval: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<WatchedTable, void, undefined> {
  const start = performance.now()
  let before: readonly SnapshotService[] | undefined
  let gauges: ReadonlyMap<string, Gauge> = new Map()
  let last = start
  for (let point = 0; !signal?.aborted; point = nextPoint(point, performance.now() - start, interval)) {
    await pause(Math.max(0, point * interval - (performance.now() - start)), signal)
    const read = signal?.aborted ? undefined : await reading(client, before, signal)
    if (read === undefined || signal?.aborted) return
    const now = performance.now()
    const rated = rate(read.services, gauges, now)
    gauges = rated.gauges
    const changes = before === undefined ? [] : tableChanges(before, read.services)
    const elapsed = before === undefined ? 0 : now - last
    before = read.services
    last = now
    yield { services: rated.services, changes, stable: read.stable, at: new Date(), elapsed }
  }
}

/** A snapshot that lacks nothing which is still there; undefined when it was dropped by the signal. */
const reading = async (
  client: WatchClient,
  before: readonly SnapshotService[] | undefined,
  signal: AbortSignal | undefined,
): Promise<{ readonly services: readonly SnapshotService[]; readonly stable: boolean } | undefined> => {
  try {
    const { services, stable } = await client.snapshot({ signal })
    return { services: stable ? services : await confirm(client, before ?? [], services, { signal }), stable }
  } catch (error) {
    if (signal?.aborted) return undefined
    throw error
  }
}

/** A snapshot that would not hold still may lack what others never touched: ask for each such thing once more. */
const confirm = async (
  client: WatchClient,
  before: readonly SnapshotService[],
  services: readonly SnapshotService[],
  options: CallOptions,
): Promise<readonly SnapshotService[]> => {
  const known = new Map(before.map((service) => [nameOfStatus(service), service]))
  const found = new Set(services.map(nameOfStatus))
  const lost = before.filter((service) => !found.has(nameOfStatus(service)))
  const [present, returned] = await Promise.all([
    Promise.all(
      services.map((service) => {
        const { destinations } = known.get(nameOfStatus(service)) ?? service
        return refill(client, service, destinations, options)
      }),
    ),
    Promise.all(
      lost.map(async (service) => {
        const status = await unlessGone(client.services.get(service, options))
        const bare =
          status && (await refill(client, { ...status, destinations: [] }, service.destinations, options))
        // That list took the place of the snapshot's: what it lacks is looked for in another.
        return bare && (await refill(client, bare, service.destinations, options))
      }),
    ),
  ])
  return [...present, ...returned].filter((service) => service !== undefined)
}

/** Adds those of the real servers that were there before which another list still has. */
export const refill = async (
  client: WatchClient,
  service: SnapshotService,
  before: readonly DestinationStatus[],
  options: CallOptions,
): Promise<SnapshotService | undefined> => {
  const found = new Set(service.destinations.map(hostPort))
  if (before.every((server) => found.has(hostPort(server)))) return service
  const again = await unlessGone(client.destinations.list(service, options))
  if (again === undefined) return undefined
  const missed = again.filter((server) => !found.has(hostPort(server)))
  return { ...service, destinations: [...service.destinations, ...missed] }
}

/** The table with rates, and what to remember for the next time. */
const rate = (
  services: readonly SnapshotService[],
  last: ReadonlyMap<string, Gauge>,
  now: number,
): { readonly services: readonly WatchedService[]; readonly gauges: ReadonlyMap<string, Gauge> } => {
  const gauges = new Map<string, Gauge>()
  const rated = <T extends SnapshotService | DestinationStatus>(id: string, object: T): T & Rated => {
    const gauge = measure(last.get(id), object.stats, now)
    gauges.set(id, gauge)
    return { ...object, rates: gauge.rates }
  }
  const all = services.map((service): WatchedService => {
    const id = nameOfStatus(service)
    const destinations = service.destinations.map((server) => rated(`${id} ${hostPort(server)}`, server))
    return { ...rated(id, service), destinations }
  })
  return { services: all, gauges }
}
