// What is there when a change is about to be made: read once for all changes of a service that are made together.
// SPDX-License-Identifier: MIT

import type { Director } from '../director.js'
import { IpvsError, type Reason } from '../errors.js'
import type { CallOptions, DestinationStatus, ServiceKey, ServiceStatus } from '../types.js'
import { destinationSettings, sameSetting, serviceState } from './settings.js'
import { hostPort, nameOfService } from './table.js'
import type { ServiceContents } from './types.js'

export const isReason = (error: unknown, ...reasons: readonly Reason[]): boolean =>
  error instanceof IpvsError && reasons.includes(error.reason)

/** What a reading finds, undefined where it is not there. */
const orAbsent = async <T>(reading: Promise<T>): Promise<T | undefined> => {
  try {
    return await reading
  } catch (error) {
    if (isReason(error, 'no-such-service')) return undefined
    throw error
  }
}

/** Readings of one slice of changes. Each reading is made once. */
export class Current {
  readonly #director: Pick<Director, 'services' | 'destinations'>
  readonly #options: CallOptions
  readonly #servers = new Map<string, Promise<ReadonlyMap<string, DestinationStatus> | undefined>>()

  constructor(director: Pick<Director, 'services' | 'destinations'>, options: CallOptions) {
    this.#director = director
    this.#options = options
  }

  service(key: ServiceKey): Promise<ServiceStatus | undefined> {
    return orAbsent(this.#director.services.get(key, this.#options))
  }

  /** By `10.0.0.2:80`; undefined where there is no such service. */
  servers(key: ServiceKey): Promise<ReadonlyMap<string, DestinationStatus> | undefined> {
    const name = nameOfService(key)
    const known = this.#servers.get(name)
    if (known !== undefined) return known
    const list = orAbsent(this.#director.destinations.list(key, this.#options))
    const reading = list.then((servers) => servers && byName(servers))
    this.#servers.set(name, reading)
    return reading
  }
}

const byName = (servers: readonly DestinationStatus[]): ReadonlyMap<string, DestinationStatus> =>
  new Map(servers.map((server) => [hostPort(server.address, server.port), server]))

/** The fields of `settings` in which `current` differs from it. */
export const differences = (current: object, settings: object): readonly string[] =>
  Object.keys(settings).filter(
    (field) => !sameSetting(field, current[field as never], settings[field as never]),
  )

/** True where a service and its real servers are as the plan saw them. */
export const isAsBefore = (
  service: ServiceStatus,
  servers: ReadonlyMap<string, DestinationStatus>,
  { destinations, ...settings }: ServiceContents,
): boolean =>
  differences(serviceState(service), settings).length === 0 &&
  destinations.length === servers.size &&
  destinations.every(({ address, port, ...before }) => {
    const found = servers.get(hostPort(address, port))
    return found !== undefined && differences(destinationSettings(found), before).length === 0
  })
