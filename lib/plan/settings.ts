// What the desired table changes on one service or real server, given what is there.
// SPDX-License-Identifier: MIT

import { isDeepStrictEqual } from 'node:util'
import type { WireService } from '../abi.js'
import { destinationFromWire, destinationToWire } from '../model/destination.js'
import { schedulerFlagBits, serviceFromWire, serviceToWire } from '../model/service.js'
import { destinationFields, serviceFields } from '../objects.js'
import { checkDestination, checkService } from '../rules.js'
import type {
  Destination,
  DestinationSettings,
  Persistence,
  SchedulerFlag,
  Service,
  ServiceSettings,
  Tunnel,
} from '../types.js'
import type { ServiceState } from './types.js'

/** An edit: the settings that change, as they are and as they will be. */
export interface Edit<T> {
  readonly before: T
  readonly after: T
}

const bitsOf = (flags: readonly SchedulerFlag[] = []): number =>
  flags.reduce((bits, flag) => bits | schedulerFlagBits[flag], 0)

const numbered = (flags: readonly SchedulerFlag[]): readonly SchedulerFlag[] =>
  flags.map((flag) => (flag === 'fallback' ? 'flag-1' : flag === 'port' ? 'flag-2' : flag))

/** `before` with the named fields of `after`; what is undefined is not named. */
const merged = <T extends object>(before: T | null | undefined, after: T): T =>
  ({
    ...before,
    ...Object.fromEntries(Object.entries(after).filter(([, value]) => value !== undefined)),
  }) as T

/** Whether a setting has the same meaning in both, however it is written. */
export const sameSetting = (field: string, a: unknown, b: unknown): boolean => {
  if (a === b) return true
  if (field === 'schedulerFlags') return bitsOf(a as SchedulerFlag[]) === bitsOf(b as SchedulerFlag[])
  if (field === 'persistence' && a && b) {
    const [{ engine: one, ...rest }, { engine: other, ...others }] = [a as Persistence, b as Persistence]
    return (one ?? undefined) === (other ?? undefined) && isDeepStrictEqual(rest, others)
  }
  return isDeepStrictEqual(a, b)
}

/** Every named field of `wanted` stands in `current` as it is written. */
const holds = (wanted: object | null | undefined, current: object | null | undefined): boolean => {
  if (wanted === undefined) return true
  if (!wanted || !current) return wanted === current
  if (wanted === current) return true
  for (const field in wanted) {
    const value = wanted[field as never] as unknown
    if (value === undefined || value === current[field as never]) continue
    if (value !== null || current[field as never] !== undefined) return false
  }
  return true
}

export const serviceState = (service: ServiceState): ServiceState => {
  const { scheduler, schedulerFlags, persistence, onePacket } = service
  return { scheduler, schedulerFlags, persistence, onePacket }
}

/** The setting of a service that is to be added. @throws TypeError or RangeError naming the field. */
export const addedService = (service: Service, force: boolean): ServiceState => {
  const wire = serviceToWire(service)
  checkService(wire, force)
  return serviceState(serviceFromWire(wire))
}

/** Every setting that is named stands there as it is written. */
export const standsService = (wanted: ServiceSettings, current: ServiceState): boolean =>
  (wanted.scheduler === undefined || wanted.scheduler === current.scheduler) &&
  (wanted.onePacket === undefined || wanted.onePacket === current.onePacket) &&
  (wanted.schedulerFlags === undefined ||
    wanted.schedulerFlags === current.schedulerFlags ||
    isDeepStrictEqual(wanted.schedulerFlags, current.schedulerFlags)) &&
  holds(wanted.persistence, current.persistence)

/** Undefined where nothing changes. @throws TypeError or RangeError naming the field. */
export const editOfService = (
  key: Service,
  wanted: ServiceSettings,
  current: ServiceState,
  force: boolean,
): Edit<ServiceSettings> | undefined => {
  const whole: Service = {
    ...key,
    scheduler: wanted.scheduler ?? current.scheduler,
    // Another scheduler may give the flags that it inherits no names.
    schedulerFlags: wanted.schedulerFlags ?? numbered(current.schedulerFlags),
    persistence: wanted.persistence
      ? merged<Persistence>(current.persistence, wanted.persistence)
      : wanted.persistence === undefined
        ? current.persistence
        : null,
    onePacket: wanted.onePacket ?? current.onePacket,
  }
  const wire = serviceToWire(whole)
  const state = serviceState(serviceFromWire(wire))
  const before = serviceState(current)
  const changed = serviceFields.filter((field) => !sameSetting(field, before[field], state[field]))
  if (changed.length === 0) return undefined
  refuseNewFault(
    () => checkService(serviceToWire({ ...key, ...before }), force),
    () => checkService(wire, force),
  )
  const { persistence } = state
  const losesEngine = persistence && !persistence.engine && before.persistence?.engine
  const after = losesEngine ? { ...state, persistence: { ...persistence, engine: null } } : state
  return { before: pick(before, changed), after: pick(after, changed) }
}

export const destinationSettings = (destination: DestinationSettings): DestinationSettings =>
  pick(
    destination,
    destinationFields.filter((field) => destination[field] !== undefined),
  )

/** The settings of a real server that is to be added. @throws TypeError or RangeError naming the field. */
export const addedDestination = (
  service: WireService,
  destination: Destination,
  force: boolean,
): DestinationSettings => {
  const wire = destinationToWire(service, destination)
  checkDestination(service, wire, force)
  return destinationSettings(destinationFromWire(wire, service.family ?? 0))
}

const mergedTunnel = (forwarding: unknown, wanted: Tunnel | undefined, current: DestinationSettings) => {
  if (forwarding !== 'tunneling' || current.tunnel === undefined) return wanted
  if (wanted === undefined) return current.tunnel
  // Another type has other settings: nothing of the old one is kept.
  const type = wanted.type ?? current.tunnel.type
  return type === current.tunnel.type ? merged(current.tunnel, wanted) : wanted
}

/** As standsService(); the weight does not matter where it is kept. */
export const standsDestination = (
  wanted: DestinationSettings,
  current: DestinationSettings,
  keepWeight: boolean,
): boolean =>
  (wanted.weight === undefined || keepWeight || wanted.weight === current.weight) &&
  (wanted.forwarding === undefined || wanted.forwarding === current.forwarding) &&
  (wanted.upperThreshold === undefined || wanted.upperThreshold === current.upperThreshold) &&
  (wanted.lowerThreshold === undefined || wanted.lowerThreshold === current.lowerThreshold) &&
  holds(wanted.tunnel, current.tunnel)

/** Undefined where nothing changes. @throws TypeError or RangeError naming the field. */
export const editOfDestination = (
  service: WireService,
  wanted: Destination,
  current: Destination,
  keepWeight: boolean,
  force: boolean,
): Edit<DestinationSettings> | undefined => {
  const weight = keepWeight ? undefined : wanted.weight
  const { address, port } = current
  const forwarding = wanted.forwarding ?? current.forwarding
  const wire = destinationToWire(service, {
    address,
    port,
    forwarding,
    weight: weight ?? current.weight,
    upperThreshold: wanted.upperThreshold ?? current.upperThreshold,
    lowerThreshold: wanted.lowerThreshold ?? current.lowerThreshold,
    tunnel: mergedTunnel(forwarding, wanted.tunnel, current),
  })
  const after = destinationSettings(destinationFromWire(wire, service.family ?? 0))
  const changed = destinationFields.filter(
    (field) => after[field] !== undefined && !sameSetting(field, current[field], after[field]),
  )
  if (changed.length === 0) return undefined
  refuseNewFault(
    () => checkDestination(service, destinationToWire(service, current), force),
    () => checkDestination(service, wire, force),
  )
  return { before: pick(current, changed), after: pick(after, changed) }
}

const pick = <T extends object>(from: T, fields: readonly string[]): Partial<T> =>
  Object.fromEntries(fields.map((field) => [field, from[field as keyof T]])) as Partial<T>

const messageOf = (check: () => void): string | undefined => {
  try {
    check()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** A fault that was there before is not the desired table's: others may have made the service. */
const refuseNewFault = (before: () => void, after: () => void): void => {
  const text = messageOf(after)
  if (text !== undefined && text !== messageOf(before)) after()
}
