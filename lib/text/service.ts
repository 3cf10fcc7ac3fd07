// The words about a virtual service: which one, and its settings.
// SPDX-License-Identifier: MIT

import type {
  Family,
  Persistence,
  Protocol,
  SchedulerFlag,
  Service,
  ServiceKey,
  ServiceSettings,
} from '../types.js'
import { type HostLookup, looseAddress, needNumber, parseEndpoint } from './endpoint.js'
import { type Given, LineError } from './scan.js'

/** Seconds: what the client takes, more than the 31 days of ipvsadm. */
const LONGEST_PERSISTENCE = 4_294_967

const protocols: Readonly<Record<string, Protocol>> = {
  'tcp-service': 'tcp',
  'udp-service': 'udp',
  'sctp-service': 'sctp',
}

/** `option` is the name of the one that carries `text`. */
export const parseServiceKey = (
  option: string,
  text: string,
  isIpv6: boolean,
  host: HostLookup,
): ServiceKey => {
  if (option === 'fwmark-service') {
    const fwmark = needNumber('-f', text, 1, 0xffff_ffff)
    return { fwmark, family: isIpv6 ? 'ipv6' : 'ipv4' }
  }
  if (isIpv6) throw new LineError('-6 is for firewall marks (-f); an address says its family')
  const [, number, place] =
    option === 'protocol-service' ? (/^(\d{1,5})\/(.*)$/.exec(text) ?? []) : [undefined, '', text]
  if (place === undefined) throw new LineError(`--${option} ${text}: expected number/address[:port]`)
  const protocol = protocols[option]
  const { address, port } = parseEndpoint(`--${option}`, place, protocol, host)
  return { protocol: protocol ?? `protocol-${Number(number)}`, address, port }
}

export const serviceKeyOf = ({ serviceOption, values }: Given, host: HostLookup): ServiceKey =>
  parseServiceKey(serviceOption, values.service ?? '', values.ipv6 !== undefined, host)

export const familyOf = (key: ServiceKey): Family =>
  key.fwmark !== undefined ? (key.family ?? 'ipv4') : key.address.includes(':') ? 'ipv6' : 'ipv4'

const persistenceOf = ({ values }: Given, family: Family, host: HostLookup): Persistence | null => {
  const { persistent, netmask, pe } = values
  // Read also where it has no effect, so that a wrong one is found.
  const mask = netmask === undefined ? undefined : netmaskOf(netmask, family, host)
  if (persistent === undefined) return null
  return {
    timeout: persistent === '' ? 360 : needNumber('-p', persistent, 1, LONGEST_PERSISTENCE),
    netmask: mask ?? (family === 'ipv6' ? 128 : '255.255.255.255'),
    engine: pe ?? null,
  }
}

const netmaskOf = (text: string, family: Family, host: HostLookup): string | number => {
  if (family === 'ipv6') return needNumber('-M', text, 1, 128)
  const mask = text.includes('.') ? (looseAddress(text) ?? host(text)) : undefined
  if (mask === undefined) throw new LineError(`-M ${text}: expected a mask such as 255.255.255.0`)
  return mask
}

const flagNames: Readonly<Record<string, SchedulerFlag>> = {
  fallback: 'flag-1',
  port: 'flag-2',
}

/** `sh-port` is for sh; `port` for any of those whose second flag is named so. */
export const parseFlags = (text: string, scheduler: string): readonly SchedulerFlag[] =>
  text
    .split(',')
    .filter((word) => word !== '')
    .map((word) => {
      const [, prefix, name] = /^(?:(sh|mh|msh|maglev|hrw)-)?(fallback|port)$/.exec(word) ?? []
      if (/^flag-[123]$/.test(word)) return word as SchedulerFlag
      if (name === undefined) throw new LineError(`-b ${word}: no such flag`)
      const isNamed = ['sh', 'mh', 'msh', 'maglev', 'hrw'].includes(scheduler)
      if (!isNamed || (prefix ?? scheduler) !== scheduler) {
        throw new LineError(`-b ${word}: not a flag of ${scheduler}`)
      }
      return flagNames[name]!
    })

export interface GivenSettings extends Required<ServiceSettings> {
  /** Send what cannot work. */
  readonly force: boolean
}

const noFlags: readonly SchedulerFlag[] = []

/** Complete: what is not named gets its default. Masks depend on the family. */
export const serviceSettings = (given: Given, family: Family, host: HostLookup): GivenSettings => {
  const { values } = given
  const scheduler = values.scheduler ?? 'wlc'
  const flags = values['sched-flags']
  return {
    scheduler,
    schedulerFlags: flags === undefined ? noFlags : parseFlags(flags, scheduler),
    persistence: persistenceOf(given, family, host),
    onePacket: values.ops !== undefined,
    force: values.force !== undefined,
  }
}

/** ipvsadm refuses two things that the kernel takes and cannot serve. */
export const makeService = (key: ServiceKey, settings: GivenSettings): Service => {
  const { scheduler, schedulerFlags, persistence, onePacket, force } = settings
  // One shape for each kind of service, and no spread: a restore makes thousands.
  if (key.fwmark !== undefined) {
    const { fwmark, family } = key
    return { fwmark, family, scheduler, schedulerFlags, persistence, onePacket }
  }
  const { protocol, address, port } = key
  if (!force && port === 0 && persistence === null) {
    throw new LineError('port 0, which is every port, needs persistence (-p)')
  }
  if (!force && onePacket && protocol !== 'udp') {
    throw new LineError('-o is for UDP services and firewall marks')
  }
  return { protocol, address, port, scheduler, schedulerFlags, persistence, onePacket }
}
