// Real servers of a virtual service: add, edit, delete, get, list.
// SPDX-License-Identifier: MIT

import type { Command, WireDestination, WireMessage, WireService } from './abi.js'
import { noOptions } from './check.js'
import { fromErrno } from './errors.js'
import {
  checkDestinationEdit,
  destinationFromWire,
  destinationKey,
  destinationName,
  destinationToWire,
  editedDestination,
} from './model/destination.js'
import { serviceKey, serviceName } from './model/service.js'
import {
  digestOf,
  nothing,
  type Operation,
  type Outcome,
  type Request,
  type Runner,
  repliesOf,
  subjectOf,
  type Task,
} from './request.js'
import { checkDestination, checkDestinationChange } from './rules.js'
import { oneService } from './services.js'
import type {
  CallOptions,
  Destination,
  DestinationKey,
  DestinationSettings,
  DestinationStatus,
  ServiceKey,
  Tunnel,
  WriteOptions,
} from './types.js'

const ENOENT = 2

/** A dump of fewer real servers comes in one piece, which the kernel fills without being interrupted. */
export const ONE_PIECE = 8

/** The request for the real servers of a service: for a missing service the kernel answers with an empty list. */
const destinationsOf = (service: WireService): Request => ({
  command: 'getDest',
  body: { service },
  dump: true,
  share: `destinations ${serviceName(service)}`,
})

/** With the service itself asked for in the same breath. */
const serviceAndDestinations = (service: WireService): readonly [Request, Request] => [
  oneService(service),
  destinationsOf(service),
]

/** Edits made together share one dump: what was made of it for the first serves them all. */
const named = new WeakMap<readonly WireMessage[], ReadonlyMap<string, WireDestination>>()

/** Real servers of a dump by their names. */
const byName = (family: number, replies: readonly WireMessage[]): ReadonlyMap<string, WireDestination> => {
  const known = named.get(replies)
  if (known !== undefined) return known
  const found = new Map<string, WireDestination>()
  for (const { destination } of replies) {
    if (destination !== undefined) found.set(destinationName(destination, family), destination)
  }
  named.set(replies, found)
  return found
}

/** Real servers of a dump without the duplicates that a concurrent change makes. */
const distinct = (family: number, replies: readonly WireMessage[]): readonly WireDestination[] => {
  if (replies.length >= ONE_PIECE) return [...byName(family, replies).values()]
  const found: WireDestination[] = []
  for (const { destination } of replies) if (destination !== undefined) found.push(destination)
  return found
}

/** Makes of a dump what callers are given. */
export const statusesOf =
  (family: number) =>
  (replies: readonly WireMessage[]): readonly DestinationStatus[] =>
    distinct(family, replies).map((destination) => destinationFromWire(destination, family))

const familyOf = (service: WireService): number => service.family ?? 0

/** Of the real servers, when the service is there. */
const repliesOfBoth = ([found, dump]: readonly Outcome[]): readonly WireMessage[] => {
  repliesOf(found)
  return repliesOf(dump)
}

function* read(command: Command, service: WireService, key: WireDestination): Task<WireDestination> {
  const replies = repliesOfBoth(yield serviceAndDestinations(service))
  const destination = byName(familyOf(service), replies).get(destinationName(key, familyOf(service)))
  if (destination === undefined) throw fromErrno(command, ENOENT, subjectOf({ service, destination: key }))
  return { ...destination, family: destination.family || familyOf(service) }
}

function* edit(
  service: WireService,
  key: WireDestination,
  settings: DestinationSettings,
  force: boolean | undefined,
): Task<void> {
  const current = yield* read('setDest', service, key)
  const [changed] = yield [edited(service, key, current, settings, force)]
  repliesOf(changed)
}

/** The request that changes a real server; `current` is undefined when there is nothing to keep. */
const edited = (
  service: WireService,
  key: WireDestination,
  current: WireDestination | undefined,
  settings: DestinationSettings,
  force: boolean | undefined,
): Request => {
  const destination = editedDestination(current ?? key, settings)
  checkDestinationChange(service, current, destination, force)
  return { command: 'setDest', body: { service, destination } }
}

/** True when nothing is left to keep, so that there is no need to read first. */
const namesAll = (settings: DestinationSettings): boolean => {
  const { forwarding, weight, upperThreshold, lowerThreshold, tunnel } = settings
  return (
    forwarding !== undefined &&
    weight !== undefined &&
    upperThreshold !== undefined &&
    lowerThreshold !== undefined &&
    (forwarding !== 'tunneling' || namesTunnel(tunnel))
  )
}

const namesTunnel = ({ type, port, checksum }: Tunnel = {}): boolean =>
  type === 'ipip' ||
  (type === 'gre' && checksum !== undefined) ||
  (port !== undefined && checksum !== undefined && type !== undefined)

/** As namesAll; what cannot even be looked at is refused later, with the name of the field. */
const isComplete = (settings: DestinationSettings): boolean => {
  try {
    return namesAll(settings)
  } catch {
    return false
  }
}

/**
 * The real servers of a director's services. Calls may be made without awaiting those before: they take effect in
 * the order they were made, and failing ones do not stop those that follow.
 */
export class Destinations {
  readonly #runner: Runner

  /** @internal */
  constructor(runner: Runner) {
    this.#runner = runner
  }

  /**
   * Adds a real server (IPVS_CMD_NEW_DEST, `ipvsadm -a`). Where it was deleted in the last two minutes the kernel may
   * bring the old object back, counters included.
   * @throws TypeError or RangeError naming the field, before anything is sent.
   * @throws IpvsError 'no-such-service', 'destination-exists', 'family-unsupported', 'invalid' (also when `lo` of the
   * network namespace was never up), or one that any call throws, see services.add().
   */
  add(service: ServiceKey, destination: Destination, options: WriteOptions = noOptions): Promise<void> {
    const make = (): Request => {
      const key = serviceKey(service)
      const wire = destinationToWire(key, destination)
      checkDestination(key, wire, options.force)
      return { command: 'newDest', body: { service: key, destination: wire } }
    }
    return this.#runner.call(make, nothing, options)
  }

  /**
   * Changes settings of a real server and keeps all that is not named (IPVS_CMD_SET_DEST, `ipvsadm -e`). The kernel
   * only replaces as a whole, so this reads first, unless everything is named; of this client, no other call comes
   * between. Edits made together share their readings.
   * @throws as add(), but IpvsError 'no-such-destination' in place of 'destination-exists'.
   */
  edit(
    service: ServiceKey,
    destination: DestinationKey,
    settings: DestinationSettings,
    options: WriteOptions = noOptions,
  ): Promise<void> {
    if (isComplete(settings)) {
      const make = (): Request => {
        const wire = serviceKey(service)
        const key = destinationKey(wire, destination)
        checkDestinationEdit(settings)
        return edited(wire, key, undefined, settings, options.force)
      }
      return this.#runner.call(make, nothing, options)
    }
    const make = (): Operation<void> => {
      const wire = serviceKey(service)
      const key = destinationKey(wire, destination)
      checkDestinationEdit(settings)
      const body = { service: wire, destination: key }
      return {
        task: edit(wire, key, settings, options.force),
        command: 'setDest',
        body,
        holds: subjectOf(body)!,
      }
    }
    return this.#runner.run(make, options)
  }

  /**
   * Deletes a real server (IPVS_CMD_DEL_DEST, `ipvsadm -d`). Packets of its connections are dropped until the entries
   * expire, or with sysctl net.ipv4.vs.expire_nodest_conn the entries expire at the next packet. To spare clients,
   * set the weight to 0 first and wait.
   * @throws IpvsError 'no-such-service', 'no-such-destination', or one that any call throws.
   */
  delete(service: ServiceKey, destination: DestinationKey, options?: CallOptions): Promise<void> {
    const make = (): Request => {
      const key = serviceKey(service)
      return { command: 'delDest', body: { service: key, destination: destinationKey(key, destination) } }
    }
    return this.#runner.call(make, nothing, options)
  }

  /**
   * Reads one real server. The kernel cannot give one alone: all of its service are read.
   * @throws IpvsError 'no-such-service', 'no-such-destination', or one that any call throws.
   */
  get(service: ServiceKey, destination: DestinationKey, options?: CallOptions): Promise<DestinationStatus> {
    function* get(wire: WireService, key: WireDestination): Task<DestinationStatus> {
      return destinationFromWire(yield* read('getDest', wire, key), familyOf(wire))
    }
    const make = (): Operation<DestinationStatus> => {
      const wire = serviceKey(service)
      const key = destinationKey(wire, destination)
      return { task: get(wire, key), command: 'getDest', body: { service: wire, destination: key } }
    }
    return this.#runner.run(make, options)
  }

  /**
   * Reads the real servers of a service, newest first (IPVS_CMD_GET_DEST). While others change them the kernel may
   * leave some out (it does not say when): see snapshot().
   * @throws IpvsError 'no-such-service', or one that any call throws.
   */
  list(service: ServiceKey, options?: CallOptions): Promise<readonly DestinationStatus[]> {
    function* list(wire: WireService): Task<readonly DestinationStatus[]> {
      const dump = destinationsOf(wire)
      const [found, list] = yield [
        oneService(wire),
        { ...dump, share: undefined, digest: statusesOf(familyOf(wire)) }, // each caller gets objects of its own
      ]
      repliesOf(found)
      return digestOf<readonly DestinationStatus[]>(list)
    }
    const make = (): Operation<readonly DestinationStatus[]> => {
      const wire = serviceKey(service)
      return { task: list(wire), command: 'getDest', body: { service: wire } }
    }
    return this.#runner.run(make, options)
  }
}
