// Virtual services between the public shape and the kernel's: one function each way.
// SPDX-License-Identifier: MIT

import type { WireService } from '../abi.js'
import * as abi from '../abi.js'
import { familyOf, formatAddress } from '../address.js'
import * as check from '../check.js'
import { littleEndian } from '../netlink/attr.js'
import type {
  Persistence,
  SchedulerFlag,
  Service,
  ServiceKey,
  ServiceSettings,
  ServiceStatus,
} from '../types.js'
import {
  addressToWire,
  families,
  familyName,
  hostPort,
  nameIn,
  nowhere,
  statsFromWire,
  UINT_MAX,
} from './common.js'

/** ipvsadm's default, which <linux/ip_vs.h> calls IPVS_SVC_PERSISTENT_TIMEOUT. */
const DEFAULT_PERSISTENCE = 360
/** Seconds that still fit 32 bits when the kernel multiplies them by HZ, which is at most 1000. */
const LONGEST_PERSISTENCE = 4_294_967

const keyFields = ['protocol', 'address', 'port', 'fwmark', 'family']
const statusFields = ['stats', 'destinations'] // of ServiceStatus, so that what was read can be written again
const serviceSettings = ['scheduler', 'schedulerFlags', 'persistence', 'onePacket']
const serviceFields = new Set([...keyFields, ...statusFields, ...serviceSettings])
const serviceEdits = new Set(serviceSettings)

/** The last key by address, and what it came to: real servers are added service by service. */
let last:
  | (Pick<Service, 'protocol' | 'address' | 'port' | 'family'> & { readonly wire: WireService })
  | undefined

/** The identity of a service. Fields that are no part of it are not looked at: a status serves as a key. */
export const serviceKey = (key: ServiceKey): WireService => {
  check.object('service', key)
  const { protocol, address, port, fwmark, family } = key
  if (
    last !== undefined &&
    fwmark === undefined &&
    address === last.address &&
    port === last.port &&
    protocol === last.protocol &&
    family === last.family
  )
    return last.wire
  const wire = checkedKey(key)
  if (fwmark === undefined) last = { protocol, address, port, family, wire }
  return wire
}

const checkedKey = (key: ServiceKey): WireService => {
  if (key.fwmark !== undefined) {
    for (const field of ['protocol', 'address', 'port'] as const) {
      if (key[field] !== undefined) throw new TypeError(`${field}: a service with fwmark has none`)
    }
    const family = key.family === undefined ? abi.AF_INET : check.oneOf('family', key.family, families)
    return { family, fwmark: check.integer('fwmark', key.fwmark, 1, UINT_MAX) }
  }
  const address = addressToWire('address', key.address, key.family)
  return {
    family: familyOf(address),
    protocol: check.oneOfOr('protocol', key.protocol, abi.protocols, 'protocol', 0xffff),
    address,
    port: check.integer('port', key.port, 0, 0xffff),
  }
}

/** A service to add, complete: the kernel wants scheduler, flags, timeout and netmask each time. */
export const serviceToWire = (service: Service): WireService => {
  const key = serviceKey(service)
  check.knownFields('service', service, serviceFields)
  const { family, protocol, address, port, fwmark } = key
  const scheduler = service.scheduler === undefined ? 'wlc' : check.name('scheduler', service.scheduler, 15)
  const { timeout, netmask, engine } = persistenceToWire(service.persistence ?? null, family, undefined)
  const flags = { value: flagsToWire(service, scheduler).value, mask: UINT_MAX }
  return { family, protocol, address, port, fwmark, scheduler, flags, timeout, netmask, engine }
}

/** A service as it will be: `current` with the settings that the caller named. */
export const editedService = (current: WireService, settings: ServiceSettings): WireService => ({
  ...current,
  stats: undefined,
  stats64: undefined,
  ...settingsToWire(settings, current, current),
  flags: flagsToWire(settings, settings.scheduler ?? current.scheduler), // the mask leaves every flag alone that was not named
})

/** Checks the settings of an edit before anything is read. */
export const checkServiceEdit = (key: WireService, settings: ServiceSettings): void => {
  check.object('settings', settings)
  check.knownFields('settings', settings, serviceEdits)
  settingsToWire(settings, key, undefined)
  flagsToWire(settings, settings.scheduler)
}

const settingsToWire = (
  { scheduler, persistence }: ServiceSettings,
  { family }: WireService,
  current: WireService | undefined,
): WireService => ({
  ...(scheduler === undefined ? {} : { scheduler: check.name('scheduler', scheduler, 15) }),
  ...(persistence === undefined ? {} : persistenceToWire(persistence, family, current)),
})

const persistenceFields = new Set(['timeout', 'netmask', 'engine'])

const persistenceToWire = (
  persistence: Persistence | null,
  family: number | undefined,
  current: WireService | undefined,
): WireService => {
  if (persistence === null) return { timeout: 0, netmask: widestMask(family), engine: undefined }
  check.object('persistence', persistence)
  check.knownFields('persistence', persistence, persistenceFields)
  const { timeout, netmask, engine } = persistence
  const kept = isPersistent(current) ? current : undefined
  return {
    timeout:
      timeout === undefined
        ? (kept?.timeout ?? DEFAULT_PERSISTENCE)
        : check.integer('persistence.timeout', timeout, 1, LONGEST_PERSISTENCE),
    netmask: netmask === undefined ? (kept?.netmask ?? widestMask(family)) : netmaskToWire(netmask, family),
    engine:
      engine === undefined
        ? kept?.engine
        : engine === null
          ? undefined
          : check.name('persistence.engine', engine, 15),
  }
}

const isPersistent = (service: WireService | undefined): service is WireService =>
  ((service?.flags?.value ?? 0) & abi.serviceFlags.persistent) !== 0

const widestMask = (family: number | undefined): number => (family === abi.AF_INET6 ? 128 : UINT_MAX)

/** IPv4: the mask as it stands in memory; IPv6: the prefix length. */
const netmaskToWire = (netmask: string | number, family: number | undefined): number => {
  const field = 'persistence.netmask'
  if (family === abi.AF_INET6) return check.integer(field, netmask, 1, 128)
  const mask =
    typeof netmask === 'number' ? maskOf(check.integer(field, netmask, 0, 32)) : addressToWire(field, netmask)
  if (typeof mask !== 'number') throw new RangeError(`${field}: expected a dotted mask or 0..32 for IPv4`)
  const view = new DataView(new ArrayBuffer(4))
  view.setInt32(0, mask, false)
  return view.getUint32(0, littleEndian)
}

const maskOf = (length: number): number => (length === 0 ? 0 : -1 << (32 - length))

const netmaskFromWire = (netmask: number, family: number | undefined): string | number => {
  if (family === abi.AF_INET6) return netmask
  const view = new DataView(new ArrayBuffer(4))
  view.setUint32(0, netmask, littleEndian)
  return formatAddress(new Uint8Array(view.buffer), abi.AF_INET)
}

/** Flags that the settings name, and the mask of those. `scheduler` is undefined while it is not known yet. */
const flagsToWire = (
  { persistence, onePacket, schedulerFlags }: ServiceSettings,
  scheduler: string | undefined,
): abi.Flags => {
  const { serviceFlags } = abi
  let value = 0
  let mask = 0
  if (persistence !== undefined) {
    mask |= serviceFlags.persistent
    if (persistence !== null) value |= serviceFlags.persistent
  }
  if (onePacket !== undefined) {
    mask |= serviceFlags.onePacket
    if (check.boolean('onePacket', onePacket)) value |= serviceFlags.onePacket
  }
  if (schedulerFlags !== undefined) {
    if (!Array.isArray(schedulerFlags)) throw new TypeError('schedulerFlags: expected an array of flag names')
    for (const bit of serviceFlags.scheduler) mask |= bit
    for (const flag of schedulerFlags) {
      value |= check.oneOf('schedulerFlags', flag, schedulerFlagBits)
      if (
        (flag === 'fallback' || flag === 'port') &&
        scheduler !== undefined &&
        !namedSchedulers.has(scheduler)
      ) {
        throw new TypeError(
          `schedulerFlags: ${scheduler} gives flag-1 and flag-2 no names; write the numbers`,
        )
      }
    }
  }
  return { value, mask }
}

const [flag1, flag2, flag3] = abi.serviceFlags.scheduler
const anySchedulerFlag = flag1 | flag2 | flag3
export const schedulerFlagBits = {
  fallback: flag1,
  port: flag2,
  'flag-1': flag1,
  'flag-2': flag2,
  'flag-3': flag3,
} as const

/** Schedulers whose flag-1 and flag-2 are named fallback and port. */
const namedSchedulers = new Set(['sh', 'mh', 'msh', 'maglev', 'hrw'])

const schedulerFlagsFromWire = (value: number, scheduler: string | undefined): readonly SchedulerFlag[] => {
  if ((value & anySchedulerFlag) === 0) return []
  const names: readonly SchedulerFlag[] = namedSchedulers.has(scheduler ?? '')
    ? ['fallback', 'port', 'flag-3']
    : ['flag-1', 'flag-2', 'flag-3']
  return names.filter((name) => (value & schedulerFlagBits[name]) !== 0)
}

export const serviceFromWire = (wire: WireService): ServiceStatus => {
  const { family, flags, fwmark } = wire
  const value = flags?.value ?? 0
  const settings = {
    family: familyName(family),
    scheduler: wire.scheduler ?? 'none',
    schedulerFlags: schedulerFlagsFromWire(value, wire.scheduler),
    persistence: isPersistent(wire) ? persistenceFromWire(wire) : null,
    onePacket: (value & abi.serviceFlags.onePacket) !== 0,
    stats: statsFromWire(wire.stats64, wire.stats),
  }
  if (fwmark !== undefined) return { fwmark, ...settings }
  return {
    protocol: (nameIn(abi.protocols, wire.protocol ?? 0) ?? `protocol-${wire.protocol ?? 0}`) as 'tcp',
    address: formatAddress(wire.address ?? nowhere, family ?? 0),
    port: wire.port ?? 0,
    ...settings,
  }
}

const persistenceFromWire = ({ family, timeout, netmask, engine }: WireService) => ({
  timeout: timeout ?? 0,
  netmask: netmaskFromWire(netmask ?? 0, family),
  ...(engine ? { engine } : {}),
})

/** A service in one word: `192.0.2.10:80/tcp`, `[2001:db8::1]:53/udp`, `fwmark 7/ipv4`. Unique: serves as a map key. */
export const serviceName = (wire: WireService): string => {
  if (wire.fwmark !== undefined) return `fwmark ${wire.fwmark}/${familyName(wire.family)}`
  const protocol = nameIn(abi.protocols, wire.protocol ?? 0) ?? `protocol-${wire.protocol ?? 0}`
  return `${hostPort(wire.address, wire.family, wire.port)}/${protocol}`
}
