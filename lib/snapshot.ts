// Snapshot: the whole table, read until it holds still, because a dump of IPVS is none.
// SPDX-License-Identifier: MIT

import { AF_INET, AF_INET6, type WireService } from './abi.js'
import { ONE_PIECE, statusesOf } from './destinations.js'
import { IpvsError } from './errors.js'
import { serviceFromWire } from './model/service.js'
import { digestOf, type Outcome, part, type Request, repliesOf, type Task } from './request.js'
import { allServices, distinctServices, oneService } from './services.js'
import type { DestinationStatus, Snapshot, SnapshotService } from './types.js'

/** Rounds of reading and comparing before the table counts as one that would not hold still. */
const ROUNDS = 5

interface Reading {
  readonly service: WireService
  readonly destinations: readonly DestinationStatus[]
  /** Two readings of the real servers agreed, or one that came in one piece. */
  readonly settled: boolean
}

/**
 * The kernel resumes a dump by position, so a change between two of its chunks repeats some objects and skips
 * others, without a flag. Hence: drop what is repeated, list again until two lists in a row agree, and ask by name
 * for each service that a list lacks.
 */
export function* snapshot(): Task<Snapshot> {
  const known = new Map<string, Reading>()
  let before: ReadonlyMap<string, WireService> = new Map()
  for (let round = 1; ; round++) {
    const [dump] = yield [allServices]
    const listed = distinctServices(repliesOf(dump))
    yield* read(known, listed)
    yield* verifyAbsent(known, listed)
    const settled = [...known.values()].every((reading) => reading.settled)
    const stable = round > 1 && settled && sameServices(before, listed) && sameKeys(known, listed)
    if (stable || round === ROUNDS) return { services: assemble(known, listed), stable }
    before = listed
  }
}

const statuses4 = statusesOf(AF_INET)
const statuses6 = statusesOf(AF_INET6)

const serversOf = (service: WireService): Request => ({
  command: 'getDest',
  body: { service: identity(service) },
  dump: true,
  digest: service.family === AF_INET6 ? statuses6 : statuses4,
})

/** Reads the real servers of the listed services that are not known yet, not for certain, or of a service replaced. */
function* read(known: Map<string, Reading>, listed: ReadonlyMap<string, WireService>): Task<void> {
  const wanted = [...listed].filter(([name, service]) => {
    const reading = known.get(name)
    return reading?.settled !== true || !sameSettings(reading.service, service)
  })
  if (wanted.length === 0) return
  const outcomes = yield wanted.map(([, service]) => serversOf(service))
  const empty: [string, WireService][] = []
  wanted.forEach(([name, service], i) => {
    const destinations = digestOf<readonly DestinationStatus[]>(outcomes[i])
    if (destinations.length === 0) empty.push([name, service])
    else take(known, name, service, destinations)
  })
  yield* readEmpty(known, empty)
}

const take = (
  known: Map<string, Reading>,
  name: string,
  service: WireService,
  destinations: readonly DestinationStatus[],
): void => {
  const earlier = known.get(name)?.destinations
  const settled =
    destinations.length < ONE_PIECE || (earlier !== undefined && sameServers(earlier, destinations))
  known.set(name, { service, destinations, settled })
}

/**
 * A service without real servers may be one that is gone, or was at that moment: to the kernel both are an empty list.
 * So both are asked for side by side.
 */
function* readEmpty(
  known: Map<string, Reading>,
  services: readonly (readonly [string, WireService])[],
): Task<void> {
  if (services.length === 0) return
  const outcomes = yield services.flatMap(([, service]) => [
    { ...oneService(identity(service)), share: undefined },
    serversOf(service),
  ])
  services.forEach(([name], i) => {
    const found = outcomes[2 * i]
    if (isAbsent(found)) {
      known.delete(name)
      return
    }
    const service = part(oneService({}), repliesOf(found), 'service')
    take(known, name, service, digestOf<readonly DestinationStatus[]>(outcomes[2 * i + 1]))
  })
}

/** Forgets what the list lacks, unless the kernel still has it when asked by name. */
function* verifyAbsent(known: Map<string, Reading>, listed: ReadonlyMap<string, WireService>): Task<void> {
  const absent = [...known].filter(([name]) => !listed.has(name))
  if (absent.length === 0) return
  const outcomes = yield absent.map(([, { service }]) => oneService(identity(service)))
  absent.forEach(([name], i) => {
    if (isAbsent(outcomes[i])) known.delete(name)
    else repliesOf(outcomes[i])
  })
}

/** Only what names a service: the kernel would parse the rest, too. */
const identity = ({ family, protocol, address, port, fwmark }: WireService): WireService =>
  fwmark === undefined ? { family, protocol, address, port } : { family, fwmark }

const isAbsent = (outcome: Outcome | undefined): boolean =>
  outcome?.error instanceof IpvsError && outcome.error.reason === 'no-such-service'

const sameServers = (a: readonly DestinationStatus[], b: readonly DestinationStatus[]): boolean => {
  const name = ({ address, port }: DestinationStatus): string => `${address} ${port}`
  const names = new Set(a.map(name))
  return a.length === b.length && b.every((destination) => names.has(name(destination)))
}

const sameKeys = (a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): boolean =>
  a.size === b.size && [...a.keys()].every((key) => b.has(key))

/** True when both lists have the same services, none of them replaced or edited in between. */
const sameServices = (a: ReadonlyMap<string, WireService>, b: ReadonlyMap<string, WireService>): boolean =>
  sameKeys(a, b) && [...a].every(([name, service]) => sameSettings(service, b.get(name)!))

const sameSettings = (a: WireService, b: WireService): boolean =>
  a.scheduler === b.scheduler &&
  a.flags?.value === b.flags?.value &&
  a.timeout === b.timeout &&
  a.netmask === b.netmask &&
  a.engine === b.engine

/** In the order of the last list; what only the question by name found comes last. */
const assemble = (
  known: ReadonlyMap<string, Reading>,
  listed: ReadonlyMap<string, WireService>,
): readonly SnapshotService[] => {
  const names = [...listed.keys(), ...[...known.keys()].filter((name) => !listed.has(name))]
  return names.flatMap((name) => {
    const reading = known.get(name)
    if (reading === undefined) return []
    return [{ ...serviceFromWire(reading.service), destinations: reading.destinations }]
  })
}
