// Real servers between the public shape and the kernel's: one function each way.
// SPDX-License-Identifier: MIT

import type { WireDestination, WireService } from '../abi.js'
import * as abi from '../abi.js'
import { familyOfBytes, formatAddress } from '../address.js'
import * as check from '../check.js'
import type { Destination, DestinationKey, DestinationSettings, DestinationStatus, Tunnel } from '../types.js'
import { addressToWire, familyName, hostPort, INT_MAX, nameIn, statsFromWire } from './common.js'

const destinationSettings = ['forwarding', 'weight', 'upperThreshold', 'lowerThreshold', 'tunnel']
const destinationReadings = ['family', 'activeConns', 'inactiveConns', 'persistentConns', 'stats']
const destinationFields = new Set(['address', 'port', ...destinationReadings, ...destinationSettings])
const destinationEdits = new Set(destinationSettings)

/** The identity of a real server; its family is always sent, for it may differ from the service's. */
export const destinationKey = (service: WireService, key: DestinationKey): WireDestination => {
  check.object('destination', key)
  const bytes = addressToWire('address', key.address)
  return {
    address: bytes,
    port: key.port === undefined ? (service.port ?? 0) : check.integer('port', key.port, 0, 0xffff),
    family: familyOfBytes(bytes),
  }
}

export const destinationToWire = (service: WireService, destination: Destination): WireDestination => {
  const key = destinationKey(service, destination)
  check.knownFields('destination', destination, destinationFields)
  return {
    ...key,
    forwarding: abi.forwardings['direct-routing'],
    weight: 1,
    upperThreshold: 0,
    lowerThreshold: 0,
    ...destinationSettingsToWire(destination, undefined),
  }
}

/** A real server as it will be: `current` with the settings that the caller named. */
export const editedDestination = (
  current: WireDestination,
  settings: DestinationSettings,
): WireDestination => ({
  address: current.address,
  port: current.port,
  family: current.family,
  forwarding: current.forwarding,
  weight: current.weight,
  upperThreshold: current.upperThreshold,
  lowerThreshold: current.lowerThreshold,
  tunnelType: current.tunnelType,
  tunnelPort: current.tunnelPort,
  tunnelFlags: current.tunnelFlags,
  ...destinationSettingsToWire(settings, current),
})

/** Checks the settings of an edit before anything is read; the tunnel only in itself. */
export const checkDestinationEdit = (settings: DestinationSettings): void => {
  check.object('settings', settings)
  check.knownFields('settings', settings, destinationEdits)
  destinationSettingsToWire(settings, undefined)
}

const destinationSettingsToWire = (
  { forwarding, weight, upperThreshold, lowerThreshold, tunnel }: DestinationSettings,
  current: WireDestination | undefined,
): WireDestination => {
  const wire: { -readonly [K in keyof WireDestination]: WireDestination[K] } = {}
  if (forwarding !== undefined) wire.forwarding = check.oneOf('forwarding', forwarding, abi.forwardings)
  if (weight !== undefined) wire.weight = check.integer('weight', weight, 0, INT_MAX)
  if (upperThreshold !== undefined) {
    wire.upperThreshold = check.integer('upperThreshold', upperThreshold, 0, INT_MAX)
  }
  if (lowerThreshold !== undefined) {
    wire.lowerThreshold = check.integer('lowerThreshold', lowerThreshold, 0, INT_MAX)
  }
  if (tunnel !== undefined) return { ...wire, ...tunnelToWire(tunnel) }
  // Nothing but tunneling has a tunnel: one that is left behind would come back to life later.
  const tunneling = (wire.forwarding ?? current?.forwarding) === abi.forwardings.tunneling
  return tunneling || current === undefined
    ? wire
    : { ...wire, tunnelType: undefined, tunnelPort: undefined, tunnelFlags: undefined }
}

const tunnelToWire = (tunnel: Tunnel): WireDestination => {
  check.object('tunnel', tunnel)
  check.knownFields('tunnel', tunnel, new Set(['type', 'port', 'checksum']))
  const { type = 'ipip', port, checksum } = tunnel
  const tunnelType = check.oneOf('tunnel.type', type, abi.tunnelTypes)
  if (type === 'gue' && port === undefined)
    throw new TypeError('tunnel.port: gue needs the UDP port of the receiver')
  if (type !== 'gue' && port !== undefined) throw new TypeError(`tunnel.port: ${type} has no port`)
  const tunnelFlags =
    checksum === undefined ? 0 : check.oneOf('tunnel.checksum', checksum, abi.tunnelChecksums)
  if (type === 'ipip' && tunnelFlags !== 0) throw new TypeError('tunnel.checksum: ipip has no checksum')
  if (type === 'gre' && checksum === 'remote')
    throw new TypeError('tunnel.checksum: remote offload is for gue')
  return {
    tunnelType,
    tunnelPort: port === undefined ? 0 : check.integer('tunnel.port', port, 1, 0xffff),
    tunnelFlags,
  }
}

export const destinationFromWire = (wire: WireDestination, serviceFamily: number): DestinationStatus => {
  const family = wire.family || serviceFamily // absent before 3.18
  const method = (wire.forwarding ?? 0) & abi.FORWARDING_MASK
  return {
    address: formatAddress(wire.address ?? new Uint8Array(16), family),
    port: wire.port ?? 0,
    family: familyName(family),
    forwarding: (nameIn(abi.forwardings, method) ?? `method-${method}`) as DestinationStatus['forwarding'],
    weight: wire.weight ?? 0,
    upperThreshold: wire.upperThreshold ?? 0,
    lowerThreshold: wire.lowerThreshold ?? 0,
    ...(method === abi.forwardings.tunneling ? { tunnel: tunnelFromWire(wire) } : {}),
    activeConns: wire.activeConns ?? 0,
    inactiveConns: wire.inactiveConns ?? 0,
    persistentConns: wire.persistentConns ?? 0,
    stats: statsFromWire(wire.stats64, wire.stats),
  }
}

const tunnelFromWire = ({ tunnelType = 0, tunnelPort = 0, tunnelFlags = 0 }: WireDestination) => {
  const checksum = nameIn(abi.tunnelChecksums, tunnelFlags) ?? `flags-${tunnelFlags}`
  return {
    type: nameIn(abi.tunnelTypes, tunnelType) ?? `type-${tunnelType}`,
    ...(tunnelType === abi.tunnelTypes.gue ? { port: tunnelPort } : {}),
    ...(tunnelType !== abi.tunnelTypes.ipip ? { checksum } : {}),
  } as NonNullable<DestinationStatus['tunnel']>
}

/** A real server in one word: `10.0.0.2:80`. Unique within its service. */
export const destinationName = (wire: WireDestination, serviceFamily: number): string =>
  hostPort(wire.address, wire.family || serviceFamily, wire.port)
