// What a line means: its words become a command with typed arguments, checked as ipvsadm checks them.
// SPDX-License-Identifier: MIT

import type {
  Daemon,
  Destination,
  DestinationKey,
  Family,
  Forwarding,
  Persistence,
  Protocol,
  SchedulerFlag,
  Service,
  ServiceKey,
  Timeouts,
  Tunnel,
} from '../types.js'
import { type HostLookup, looseAddress, needNumber, parseEndpoint } from './endpoint.js'
import { type Given, LineError } from './scan.js'

/** A change of the table. The settings of an edit are complete: what a line does not name gets its default. */
export type RuleCommand =
  | { readonly verb: 'add-service' | 'edit-service'; readonly service: Service }
  | { readonly verb: 'delete-service'; readonly service: ServiceKey }
  | {
      readonly verb: 'add-server' | 'edit-server'
      readonly service: ServiceKey
      readonly destination: Destination
    }
  | { readonly verb: 'delete-server'; readonly service: ServiceKey; readonly destination: DestinationKey }
  | { readonly verb: 'clear' }
  | { readonly verb: 'zero'; readonly service: ServiceKey | undefined }
  /** Timeouts that are not named are kept. */
  | { readonly verb: 'set'; readonly timeouts: Partial<Timeouts> }
  | { readonly verb: 'start-daemon'; readonly daemon: Daemon }
  | { readonly verb: 'stop-daemon'; readonly state: Daemon['state'] }

export type Verb = RuleCommand['verb']

/** Seconds: what the client takes, more than the 31 days of ipvsadm. */
const LONGEST_PERSISTENCE = 4_294_967
const LONGEST_TIMEOUT = 86_400 * 31
const INT_MAX = 2_147_483_647
const LARGEST_MESSAGE = 65535 - 20 - 8

const protocols: Readonly<Record<string, Protocol>> = {
  'tcp-service': 'tcp',
  'udp-service': 'udp',
  'sctp-service': 'sctp',
}

/** Lines about one service come together: what its words mean is kept from line to line. */
interface Recent {
  option: string
  text: string
  ipv6: boolean
  host: HostLookup | undefined
  key: ServiceKey
}
const recent: Recent = { option: '', text: '', ipv6: false, host: undefined, key: { fwmark: 1 } }

export const serviceKeyOf = ({ serviceOption, values }: Given, host: HostLookup): ServiceKey => {
  const text = values.service ?? ''
  const ipv6 = values.ipv6 !== undefined
  if (
    recent.text === text &&
    recent.option === serviceOption &&
    recent.ipv6 === ipv6 &&
    recent.host === host
  ) {
    return recent.key
  }
  const key = parseServiceKey(serviceOption, text, ipv6, host)
  Object.assign(recent, { option: serviceOption, text, ipv6, host, key })
  return key
}

const parseServiceKey = (option: string, text: string, ipv6: boolean, host: HostLookup): ServiceKey => {
  if (option === 'fwmark-service') {
    const fwmark = needNumber('-f', text, 1, 0xffff_ffff)
    return { fwmark, family: ipv6 ? 'ipv6' : 'ipv4' }
  }
  if (ipv6) throw new LineError('-6 is for firewall marks (-f); an address says its family')
  const [, number, place] =
    option === 'protocol-service' ? (/^(\d{1,5})\/(.*)$/.exec(text) ?? []) : [undefined, '', text]
  if (place === undefined) throw new LineError(`--${option} ${text}: expected number/address[:port]`)
  const protocol = protocols[option]
  const { address, port = 0 } = parseEndpoint(`--${option}`, place, protocol, host)
  return { protocol: protocol ?? `protocol-${Number(number)}`, address, port }
}

const familyOf = (key: ServiceKey): Family =>
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

const noFlags: readonly SchedulerFlag[] = []

const serviceOf = (given: Given, host: HostLookup): Service => {
  const { values } = given
  const key = serviceKeyOf(given, host)
  const scheduler = values.scheduler ?? 'wlc'
  const persistence = persistenceOf(given, familyOf(key), host)
  const onePacket = values.ops !== undefined
  if (key.fwmark === undefined && values.force === undefined) {
    if (key.port === 0 && persistence === null) {
      throw new LineError('port 0, which is every port, needs persistence (-p)')
    }
    if (onePacket && key.protocol !== 'udp') throw new LineError('-o is for UDP services and firewall marks')
  }
  const flags = values['sched-flags']
  const schedulerFlags = flags === undefined ? noFlags : parseFlags(flags, scheduler)
  // One shape for each kind of service, and no spread: a restore makes thousands.
  if (key.fwmark !== undefined) {
    const { fwmark, family } = key
    return { fwmark, family, scheduler, schedulerFlags, persistence, onePacket }
  }
  const { protocol, address, port } = key
  return { protocol, address, port, scheduler, schedulerFlags, persistence, onePacket }
}

const methods: Readonly<Record<string, Forwarding>> = {
  gatewaying: 'direct-routing',
  ipip: 'tunneling',
  masquerading: 'masquerading',
}
const methodNames = ['masquerading', 'tunneling', 'direct-routing', 'local', 'bypass']

const forwardingOf = ({ forwardingOption, values }: Given): Forwarding => {
  const method = methods[forwardingOption]
  if (method !== undefined) return method
  const name = values.forwarding ?? 'direct-routing'
  if (methodNames.includes(name) || /^method-[0-7]$/.test(name)) return name as Forwarding
  throw new LineError(`--forwarding ${name}: expected ${methodNames.join(', ')}`)
}

const checksumSlots = ['tun-nocsum', 'tun-csum', 'tun-remcsum', 'tun-flags'] as const

const checksumOf = (slot: (typeof checksumSlots)[number] | undefined, text = ''): Tunnel['checksum'] => {
  if (slot === 'tun-flags') return `flags-${needNumber('--tun-flags', text, 0, 65535)}`
  return slot === 'tun-csum' ? 'plain' : slot === 'tun-remcsum' ? 'remote' : 'none'
}

const tunnelOf = (values: Given['values'], forwarding: string): Tunnel | undefined => {
  const type = values['tun-type']
  const port = values['tun-port']
  const isNamed = type !== undefined || port !== undefined || checksumSlots.some((slot) => slot in values)
  if (forwarding !== 'tunneling') {
    if (!isNamed) return undefined
    throw new LineError('tunnel options are for tunneling (-i)')
  }
  const given = checksumSlots.filter((slot) => values[slot] !== undefined)
  const kind = type ?? 'ipip'
  if (!/^(ipip|gue|gre|type-\d{1,3})$/.test(kind))
    throw new LineError(`--tun-type ${kind}: expected ipip, gue, gre`)
  if (kind === 'gue' && port === undefined) throw new LineError('--tun-type gue needs --tun-port')
  if (kind !== 'gue' && port !== undefined) throw new LineError(`--tun-type ${kind} takes no --tun-port`)
  if (given.length > 1) throw new LineError(`--${given[0]} and --${given[1]} exclude each other`)
  const [slot] = given
  if (slot !== undefined && (kind === 'ipip' || (kind === 'gre' && slot === 'tun-remcsum'))) {
    throw new LineError(`--tun-type ${kind} takes no --${slot}`)
  }
  return {
    type: kind as NonNullable<Tunnel['type']>,
    ...(port === undefined ? {} : { port: needNumber('--tun-port', port, 1, 65535) }),
    ...(kind === 'ipip' ? {} : { checksum: checksumOf(slot, slot && values[slot]) }),
  }
}

const optional = (option: string, text: string | undefined, initial: number): number =>
  text === undefined ? initial : needNumber(option, text, 0, INT_MAX)

const serverKeyOf = (given: Given, key: ServiceKey, host: HostLookup): DestinationKey & { port: number } => {
  const { address, port } = parseEndpoint('-r', given.values['real-server'] ?? '', protocolOf(key), host)
  return { address, port: port ?? key.port ?? 0 }
}

const protocolOf = ({ protocol }: ServiceKey): Protocol | undefined =>
  protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp' ? protocol : undefined

const serverOf = (given: Given, key: ServiceKey, host: HostLookup): Destination => {
  const { values } = given
  const { address, port } = serverKeyOf(given, key, host)
  const forwarding = forwardingOf(given)
  const keepsPort = forwarding === 'direct-routing' || forwarding === 'tunneling'
  // Neither method can change the port; ipvsadm overrides what the line says.
  const isForced = keepsPort && key.fwmark === undefined && given.forwardingOption !== 'forwarding'
  if (forwarding !== 'tunneling' && (address.includes(':') ? 'ipv6' : 'ipv4') !== familyOf(key)) {
    throw new LineError('-r: another address family than that of the service needs tunneling (-i)')
  }
  return {
    address,
    port: isForced ? key.port : port,
    forwarding,
    weight: optional('-w', values.weight, 1),
    upperThreshold: optional('-x', values['u-threshold'], 0),
    lowerThreshold: optional('-y', values['l-threshold'], 0),
    tunnel: tunnelOf(values, forwarding),
  }
}

const timeoutsOf = ({ rest }: Given): Partial<Timeouts> => {
  if (rest.length < 3) throw new LineError('--set needs three timeouts: TCP TCPFIN UDP')
  const [tcp, tcpFin, udp] = rest.map((text) => needNumber('--set', text, 0, LONGEST_TIMEOUT))
  return { ...(tcp ? { tcp } : {}), ...(tcpFin ? { tcpFin } : {}), ...(udp ? { udp } : {}) }
}

const stateOf = ({ argument, command }: Given): Daemon['state'] => {
  if (argument === 'master' || argument === 'backup') return argument
  throw new LineError(`--${command} ${argument}: expected master or backup`)
}

const daemonOf = (given: Given): Daemon => {
  const { values } = given
  const number = (
    slot: 'syncid' | 'sync-maxlen' | 'mcast-port' | 'mcast-ttl',
    least: number,
    most: number,
  ) => {
    const text = values[slot]
    return text === undefined ? undefined : needNumber(`--${slot}`, text, least, most)
  }
  const group = values['mcast-group']
  if (group !== undefined && !/^(22[4-9]|23\d)\.[\d.]+$|^ff[\da-f]{2}:/i.test(group)) {
    throw new LineError(`--mcast-group ${group}: not a multicast address`)
  }
  return {
    state: stateOf(given),
    interface: values['mcast-interface'] || 'eth0',
    syncId: number('syncid', 0, 255) ?? 0,
    maxLength: number('sync-maxlen', 1, LARGEST_MESSAGE),
    group,
    port: number('mcast-port', 1, 65535),
    ttl: number('mcast-ttl', 1, 255),
  }
}

/** @throws LineError also where the command changes nothing, such as --list. */
export const commandOf = (given: Given, host: HostLookup): RuleCommand => {
  const verb = given.command
  if (verb !== 'set' || given.rest.length > 3) {
    const word = given.rest[verb === 'set' ? 3 : 0]
    if (word !== undefined) throw new LineError(`unexpected word '${word}'`)
  }
  switch (verb) {
    case 'add-service':
    case 'edit-service':
      return { verb, service: serviceOf(given, host) }
    case 'delete-service':
      return { verb, service: serviceKeyOf(given, host) }
    case 'add-server':
    case 'edit-server': {
      const service = serviceKeyOf(given, host)
      return { verb, service, destination: serverOf(given, service, host) }
    }
    case 'delete-server': {
      const service = serviceKeyOf(given, host)
      return { verb, service, destination: serverKeyOf(given, service, host) }
    }
    case 'zero':
      return { verb, service: given.values.service === undefined ? undefined : serviceKeyOf(given, host) }
    case 'clear':
      return { verb }
    case 'set':
      return { verb, timeouts: timeoutsOf(given) }
    case 'start-daemon':
      return { verb, daemon: daemonOf(given) }
    case 'stop-daemon':
      return { verb, state: stateOf(given) }
    default:
      throw new LineError(`--${verb} changes nothing`)
  }
}
