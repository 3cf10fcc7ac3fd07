// What is there when a change is about to be made: read once for all changes of a service that are made together.
// SPDX-License-Identifier: MIT

import type { Director } from '../director.js'
import { unlessGone } from '../gone.js'
import { hostPort } from '../objects.js'
import type { CallOptions, DestinationStatus, ServiceKey, ServiceStatus } from '../types.js'
import { destinationSettings, sameSetting, serviceState } from './settings.js'
import { nameOfServer, nameOfService } from './table.js'
import type { DestinationName, ServiceContents } from './types.js'

/** A list may leave a real server out while others change the table, but hardly so many in a row. */
const LOOKS = 3

/** Readings of one slice of changes. Each list is read once, and again only where it lacks what is looked for. */
export class Current {
  readonly #director: Pick<Director, 'services' | 'destinations'>
  readonly #options: CallOptions
  readonly #servers = new Map<string, Promise<ReadonlyMap<string, DestinationStatus> | undefined>>()

  constructor(director: Pick<Director, 'services' | 'destinations'>, options: CallOptions) {
    this.#director = director
    this.#options = options
  }

  service(key: ServiceKey): Promise<ServiceStatus | undefined> {
    return unlessGone(this.#director.services.get(key, this.#options))
  }

  /** By `10.0.0.2:80`; undefined where there is no such service. */
  servers(key: ServiceKey, look = 1): Promise<ReadonlyMap<string, DestinationStatus> | undefined> {
    const name = `${nameOfService(key)} ${look}`
    const known = this.#servers.get(name)
    if (known !== undefined) return known
    const list = unlessGone(this.#director.destinations.list(key, this.#options))
    const reading = list.then((servers) => servers && byName(servers))
    this.#servers.set(name, reading)
    return reading
  }

  /** Undefined where there is no such service, or one list after the other lacks the server. */
  async server(key: ServiceKey, destination: DestinationName): Promise<DestinationStatus | undefined> {
    const name = nameOfServer(key, destination)
    for (let look = 1; look <= LOOKS; look++) {
      const servers = await this.servers(key, look)
      const found = servers?.get(name)
      if (servers === undefined || found !== undefined) return found
    }
    return undefined
  }
}

const byName = (servers: readonly DestinationStatus[]): ReadonlyMap<string, DestinationStatus> =>
  new Map(servers.map((server) => [hostPort(server), server]))

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
    const found = servers.get(hostPort({ address, port }))
    return found !== undefined && differences(destinationSettings(found), before).length === 0
  })
