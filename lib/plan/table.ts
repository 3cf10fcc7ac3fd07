// The desired table, read: every field checked, identities in one spelling, nothing named twice.
// SPDX-License-Identifier: MIT

import { isIPv4 } from 'node:net'
import { AF_INET, forwardings, protocols, type WireService } from '../abi.js'
import { formatAddress } from '../address.js'
import * as check from '../check.js'
import { familyName, INT_MAX, nameIn } from '../model/common.js'
import {
  destinationFields,
  destinationKey,
  destinationName,
  destinationToWire,
} from '../model/destination.js'
import { serviceKey, serviceName, serviceToWire } from '../model/service.js'
import type { Destination, Service, ServiceKey } from '../types.js'
import type { DesiredService, DesiredTable } from './types.js'

export interface ReadService {
  /** Where it stands: `services[3]`. */
  readonly path: string
  readonly name: string
  /** For the checks of its real servers. */
  readonly wire: WireService
  readonly key: ServiceKey
  readonly service: DesiredService
  /** By `10.0.0.2:80` the index in its `destinations`; undefined where it does not speak of real servers. */
  readonly servers: ReadonlyMap<string, number> | undefined
}

const tableFields = new Set(['services', 'stable', '$schema'])

const placeOf = (path: string, index: number | undefined): string =>
  index === undefined ? path : `${path}.destinations[${index}]`

/** Calls `action`; what it throws about a field gets the place of that field: of the service, or its real server. */
export const at = <T>(path: string, action: () => T, index?: number): T => {
  try {
    return action()
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error
    const whole = /^(?:service|destination): /.exec(error.message)?.[0]
    const text = whole === undefined ? `.${error.message}` : `: ${error.message.slice(whole.length)}`
    throw new (error instanceof TypeError ? TypeError : RangeError)(`${placeOf(path, index)}${text}`)
  }
}

/** What names a service, in the spelling of the kernel's answers. */
export const keyOf = ({
  fwmark,
  family = AF_INET,
  protocol = 0,
  address,
  port = 0,
}: WireService): ServiceKey =>
  fwmark === undefined
    ? {
        protocol: (nameIn(protocols, protocol) ?? `protocol-${protocol}`) as 'tcp',
        address: formatAddress(address ?? new Uint8Array(16), family),
        port,
      }
    : { fwmark, family: familyName(family) }

/** By name, in the order of the table. @throws TypeError or RangeError naming the field by its place. */
export const readTable = (table: DesiredTable): ReadonlyMap<string, ReadService> => {
  check.object('desired', table)
  check.knownFields('desired', table, tableFields)
  if (!Array.isArray(table.services)) throw new TypeError('desired.services: expected an array')
  const found = new Map<string, ReadService>()
  table.services.forEach((service: DesiredService, i) => {
    const read = readService(service, `services[${i}]`)
    const twin = found.get(read.name)
    if (twin !== undefined) throw new RangeError(`${read.path}: ${read.name} is ${twin.path} already`)
    found.set(read.name, read)
  })
  return found
}

const readService = (given: DesiredService, path: string): ReadService => {
  const wire = at(path, () => {
    check.object('service', given)
    // A scheduler that is not named is kept, and which it is is not known yet: flags are checked as of one with names.
    return serviceToWire(given.scheduler === undefined ? ({ ...given, scheduler: 'sh' } as Service) : given)
  })
  const service = named(given)
  const servers = readServers(wire, service.destinations, path)
  return { path, name: serviceName(wire), wire, key: keyOf(wire), service, servers }
}

/** A status, with its counters, names all there is: an engine that it lacks is none. */
const named = (service: DesiredService): DesiredService =>
  'stats' in service && service.persistence && service.persistence.engine === undefined
    ? { ...service, persistence: { ...service.persistence, engine: null } }
    : service

const isCount = (value: unknown, most: number): boolean =>
  value === undefined || (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most)

/**
 * destinationName() of a real server that is plainly right: most of a large table, several times faster than by way of
 * the bytes. Undefined for all others, which the checks of the model are for: they have the last word, and the text.
 */
const plainName = (service: WireService, destination: Destination): string | undefined => {
  if (typeof destination !== 'object' || destination === null) return undefined
  for (const field in destination) if (!plainFields.has(field)) return undefined
  const {
    address,
    port = service.port ?? 0,
    family,
    forwarding,
    weight,
    upperThreshold,
    lowerThreshold,
  } = destination
  const plain =
    isIPv4(address) &&
    (family === undefined || family === 'ipv4') &&
    (forwarding === undefined || Object.hasOwn(forwardings, forwarding)) &&
    isCount(port, 0xffff) &&
    isCount(weight, INT_MAX) &&
    isCount(upperThreshold, INT_MAX) &&
    isCount(lowerThreshold, INT_MAX)
  return plain ? `${address}:${port}` : undefined
}

const plainFields: ReadonlySet<string> = new Set([...destinationFields].filter((field) => field !== 'tunnel'))

const readServers = (
  wire: WireService,
  destinations: readonly Destination[] | undefined,
  path: string,
): ReadonlyMap<string, number> | undefined => {
  if (destinations === undefined) return undefined
  if (!Array.isArray(destinations)) throw new TypeError(`${path}.destinations: expected an array`)
  const family = wire.family ?? 0
  const found = new Map<string, number>()
  for (const [index, destination] of destinations.entries()) {
    const name =
      plainName(wire, destination) ??
      at(path, () => destinationName(destinationToWire(wire, destination), family), index)
    const twin = found.get(name)
    if (twin !== undefined) {
      throw new RangeError(`${placeOf(path, index)}: ${name} is ${placeOf(path, twin)} already`)
    }
    found.set(name, index)
  }
  return found
}

/** The name of a service as it was read or written by anybody. */
export const nameOfService = (key: ServiceKey): string => serviceName(serviceKey(key))

/** `10.0.0.2:80`: unique within its service. */
export const nameOfServer = (
  service: ServiceKey,
  destination: Pick<Destination, 'address' | 'port'>,
): string => {
  const wire = serviceKey(service)
  return destinationName(destinationKey(wire, destination), wire.family ?? 0)
}
