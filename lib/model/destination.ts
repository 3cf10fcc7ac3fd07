// Real servers between the public shape and the kernel's: one function each way.
// SPDX-License-Identifier: MIT

import type { WireDestination, WireService } from '../abi.js'
import * as abi from '../abi.js'
import { familyOf, formatAddress } from '../address.js'
import * as check from '../check.js'
import type { Destination, DestinationKey, DestinationSettings, DestinationStatus, Tunnel } from '../types.js'
import { addressToWire, familyName, hostPort, INT_MAX, nameIn, nowhere, statsFromWire } from './common.js'

const destinationSettings = ['forwarding', 'weight', 'upperThreshold', 'lowerThreshold', 'tunnel']
const destinationReadings = ['family', 'activeConns', 'inactiveConns', 'persistentConns', 'stats']
export const destinationFields = new Set(['address', 'port', ...destinationReadings, ...destinationSettings])
const destinationEdits = new Set(destinationSettings)
const DEFAULT_FORWARDING = abi.forwardings['direct-routing']

/** The identity of a real server; its family is always sent, for it may differ from the service's. */
export const destinationKey = (service: WireService, key: DestinationKey): WireDestination => {
  check.object('destination', key)
  const address = addressToWire('address', key.address, key.family)
  return {
    address,
    port: key.port === undefined ? (service.port ?? 0) : check.integer('port', key.port, 0, 0xffff),
    family: familyOf(address),
  }
}

/** A real server to add, complete. One literal, and nothing else made on the way: bulk loads consist of these. */
export const destinationToWire = (service: WireService, destination: Destination): WireDestination => {
  check.object('destination', destination)
  check.knownFields('destination', destination, destinationFields)
  const address = addressToWire('address', destination.address, destination.family)
  const { port, forwarding, weight, upperThreshold, lowerThreshold, tunnel } = destination
  const { tunnelType, tunnelPort, tunnelFlags } =
    tunnel === undefined ? noTunnel : tunnelToWire(tunnel, undefined)
  return {
    address,
    port: port === undefined ? (service.port ?? 0) : check.integer('port', port, 0, 0xffff),
    forwarding: forwarding === undefined ? DEFAULT_FORWARDING : forwardingToWire(forwarding),
    weight: weight === undefined ? 1 : check.integer('weight', weight, 0, INT_MAX),
    upperThreshold: threshold('upperThreshold', upperThreshold) ?? 0,
    lowerThreshold: threshold('lowerThreshold', lowerThreshold) ?? 0,
    family: familyOf(address),
    tunnelType,
    tunnelPort,
    tunnelFlags,
  }
}

/** A real server as it will be: `current` with the settings that the caller named. */
export const editedDestination = (
  current: WireDestination,
  settings: DestinationSettings,
): WireDestination => {
  const wire = settingsToWire(settings, current)
  const forwarding = wire.forwarding ?? current.forwarding
  // Nothing but tunneling has a tunnel: one that is left behind would come back to life later.
  const tunnel = settings.tunnel === undefined && forwarding === abi.forwardings.tunneling ? current : wire
  return {
    address: current.address,
    port: current.port,
    forwarding,
    weight: wire.weight ?? current.weight,
    upperThreshold: wire.upperThreshold ?? current.upperThreshold,
    lowerThreshold: wire.lowerThreshold ?? current.lowerThreshold,
    family: current.family,
    tunnelType: tunnel.tunnelType,
    tunnelPort: tunnel.tunnelPort,
    tunnelFlags: tunnel.tunnelFlags,
  }
}

/** Checks the settings of an edit before anything is read, as far as they do not depend on what is there. */
export const checkDestinationEdit = (settings: DestinationSettings): void => {
  check.object('settings', settings)
  check.knownFields('settings', settings, destinationEdits)
  settingsToWire(settings, undefined)
}

/** The named settings; of a tunnel that keeps its type, what is not named comes from `current`. */
const settingsToWire = (
  { forwarding, weight, upperThreshold, lowerThreshold, tunnel }: DestinationSettings,
  current: WireDestination | undefined,
): WireDestination => ({
  forwarding: forwarding === undefined ? undefined : forwardingToWire(forwarding),
  weight: weight === undefined ? undefined : check.integer('weight', weight, 0, INT_MAX),
  upperThreshold: threshold('upperThreshold', upperThreshold),
  lowerThreshold: threshold('lowerThreshold', lowerThreshold),
  ...(tunnel === undefined ? noTunnel : tunnelToWire(tunnel, current)),
})

const forwardingToWire = (forwarding: string): number =>
  check.oneOfOr('forwarding', forwarding, abi.forwardings, 'method', abi.FORWARDING_MASK)

const threshold = (field: string, value: number | undefined): number | undefined =>
  value === undefined ? undefined : check.integer(field, value, 0, INT_MAX)

const noTunnel = { tunnelType: undefined, tunnelPort: undefined, tunnelFlags: undefined }
const tunnelFields = new Set(['type', 'port', 'checksum'])

const tunnelToWire = (tunnel: Tunnel, current: WireDestination | undefined) => {
  check.object('tunnel', tunnel)
  check.knownFields('tunnel', tunnel, tunnelFields)
  const { type, port, checksum } = tunnel
  const before = current?.forwarding === abi.forwardings.tunneling ? current : undefined
  const tunnelType =
    type === undefined
      ? (before?.tunnelType ?? 0)
      : check.oneOfOr('tunnel.type', type, abi.tunnelTypes, 'type', 0xff)
  const kept = tunnelType === before?.tunnelType ? before : undefined
  return {
    tunnelType,
    tunnelPort: port === undefined ? (kept?.tunnelPort ?? 0) : check.integer('tunnel.port', port, 1, 0xffff),
    tunnelFlags:
      checksum === undefined
        ? (kept?.tunnelFlags ?? 0)
        : check.oneOfOr('tunnel.checksum', checksum, abi.tunnelChecksums, 'flags', 0xffff),
  }
}

export const destinationFromWire = (wire: WireDestination, serviceFamily: number): DestinationStatus => {
  const family = wire.family || serviceFamily // absent before 3.18
  const method = (wire.forwarding ?? 0) & abi.FORWARDING_MASK
  const status = {
    address: formatAddress(wire.address ?? nowhere, family),
    port: wire.port ?? 0,
    family: familyName(family),
    forwarding: (nameIn(abi.forwardings, method) ?? `method-${method}`) as DestinationStatus['forwarding'],
    weight: wire.weight ?? 0,
    upperThreshold: wire.upperThreshold ?? 0,
    lowerThreshold: wire.lowerThreshold ?? 0,
    activeConns: wire.activeConns ?? 0,
    inactiveConns: wire.inactiveConns ?? 0,
    persistentConns: wire.persistentConns ?? 0,
    stats: statsFromWire(wire.stats64, wire.stats),
  }
  return method === abi.forwardings.tunneling ? { ...status, tunnel: tunnelFromWire(wire) } : status
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
