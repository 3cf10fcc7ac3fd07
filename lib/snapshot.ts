// Snapshot: the whole table, read until it holds still, because a dump of IPVS is none.
// SPDX-License-Identifier: MIT

import type { WireDestination, WireService } from './abi.js'
import { destinationsOf, distinctDestinations } from './destinations.js'
import { IpvsError } from './errors.js'
import { destinationFromWire } from './model/destination.js'
import { serviceFromWire } from './model/service.js'
import { type Outcome, type Request, repliesOf, type Task } from './request.js'
import { allServices, distinctServices, oneService } from './services.js'
import type { Snapshot, SnapshotService } from './types.js'

/** Rounds of reading and comparing before the table counts as one that would not hold still. */
const ROUNDS = 5
/** A dump of fewer real servers comes in one piece, which the kernel fills without being interrupted. */
const ONE_PIECE = 8

interface Reading {
  readonly service: WireService
  readonly destinations: ReadonlyMap<string, WireDestination>
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
    const stable = round > 1 && settled && sameKeys(before, listed) && sameKeys(known, listed)
    if (stable || round === ROUNDS) return { services: assemble(known, listed), stable }
    before = listed
  }
}

/** Reads the listed services whose real servers are not known yet, or not for certain. */
function* read(known: Map<string, Reading>, listed: ReadonlyMap<string, WireService>): Task<void> {
  const wanted = [...listed].filter(([name]) => known.get(name)?.settled !== true)
  const requests: Request[] = []
  for (const [, service] of wanted) requests.push(...destinationsOf(identity(service)))
  const outcomes = requests.length === 0 ? [] : yield requests
  wanted.forEach(([name], i) => {
    const [found, dump] = [outcomes[2 * i], outcomes[2 * i + 1]]
    const service = isAbsent(found) ? undefined : repliesOf(found)[0]?.service
    if (service === undefined) {
      known.delete(name)
      return
    }
    const destinations = distinctDestinations(service.family ?? 0, repliesOf(dump))
    const earlier = known.get(name)?.destinations
    const settled =
      destinations.size < ONE_PIECE || (earlier !== undefined && sameKeys(earlier, destinations))
    known.set(name, { service, destinations, settled })
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

const sameKeys = (a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): boolean =>
  a.size === b.size && [...a.keys()].every((key) => b.has(key))

/** In the order of the last list; what only the question by name found comes last. */
const assemble = (
  known: ReadonlyMap<string, Reading>,
  listed: ReadonlyMap<string, WireService>,
): readonly SnapshotService[] => {
  const names = [...listed.keys(), ...[...known.keys()].filter((name) => !listed.has(name))]
  return names.flatMap((name) => {
    const reading = known.get(name)
    if (reading === undefined) return []
    const { service, destinations } = reading
    const family = service.family ?? 0
    return [
      {
        ...serviceFromWire(service),
        destinations: [...destinations.values()].map((destination) =>
          destinationFromWire(destination, family),
        ),
      },
    ]
  })
}
