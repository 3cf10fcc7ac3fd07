// The words about a real server: which one, and its settings.
// SPDX-License-Identifier: MIT

import type { Destination, Forwarding, Protocol, ServiceKey, Tunnel } from '../types.js'
import { type Endpoint, type HostLookup, needNumber, parseEndpoint } from './endpoint.js'
import { type Given, LineError } from './scan.js'
import { familyOf } from './service.js'

const INT_MAX = 2_147_483_647

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

const protocolOf = ({ protocol }: ServiceKey): Protocol | undefined =>
  protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp' ? protocol : undefined

/** Without a port of its own it has that of the service. */
export const parseServerKey = (text: string, key: ServiceKey, host: HostLookup): Endpoint =>
  parseEndpoint('-r', text, protocolOf(key), host, key.port ?? 0)

export interface ServerSettings {
  readonly forwarding: Forwarding
  readonly weight: number
  readonly upperThreshold: number
  readonly lowerThreshold: number
  readonly tunnel: Tunnel | undefined
  /** The port is that of the service, whatever is written: neither -g nor -i can change it. */
  readonly keepsPort: boolean
}

/** Complete: what is not named gets its default. */
export const serverSettings = (given: Given): ServerSettings => {
  const { values, forwardingOption } = given
  const forwarding = forwardingOf(given)
  const keepsPort = forwarding === 'direct-routing' || forwarding === 'tunneling'
  return {
    forwarding,
    weight: optional('-w', values.weight, 1),
    upperThreshold: optional('-x', values['u-threshold'], 0),
    lowerThreshold: optional('-y', values['l-threshold'], 0),
    tunnel: tunnelOf(values, forwarding),
    keepsPort: keepsPort && forwardingOption !== 'forwarding',
  }
}

export const makeServer = (
  text: string,
  key: ServiceKey,
  settings: ServerSettings,
  host: HostLookup,
): Destination => {
  const { address, port } = parseServerKey(text, key, host)
  const { forwarding, weight, upperThreshold, lowerThreshold, tunnel, keepsPort } = settings
  if (forwarding !== 'tunneling' && (address.includes(':') ? 'ipv6' : 'ipv4') !== familyOf(key)) {
    throw new LineError('-r: another address family than that of the service needs tunneling (-i)')
  }
  return {
    address,
    port: keepsPort && key.fwmark === undefined ? key.port : port,
    forwarding,
    weight,
    upperThreshold,
    lowerThreshold,
    tunnel,
  }
}
