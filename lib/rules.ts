// What the kernel accepts and then never serves, or not as meant: refused unless the caller forces it.
// SPDX-License-Identifier: MIT

import type { WireDestination, WireService } from './abi.js'
import * as abi from './abi.js'
import { isLimitedBroadcast, isMulticast, isUnspecified } from './address.js'

type Rule<T extends unknown[]> = (...subject: T) => string | undefined

const flagsOf = ({ flags }: WireService): number => flags?.value ?? 0
const isMapped = (bytes: Uint8Array): boolean =>
  bytes.length === 16 && bytes.slice(0, 12).every((byte, i) => byte === (i < 10 ? 0 : 0xff))
const isPersistent = (service: WireService): boolean => (flagsOf(service) & abi.serviceFlags.persistent) !== 0

/** Of a complete service; the value of its flags is what will be in force. */
const serviceRules: readonly Rule<[WireService]>[] = [
  ({ fwmark, protocol }) =>
    fwmark === undefined && !Object.values<unknown>(abi.protocols).includes(protocol)
      ? 'protocol: only tcp, udp and sctp are ever looked up'
      : undefined,
  ({ fwmark, address }) =>
    fwmark === undefined && address !== undefined && isUnspecified(address)
      ? 'address: no packet is sent to the unspecified address'
      : undefined,
  ({ fwmark, address }) =>
    fwmark === undefined && address !== undefined && (isMulticast(address) || isLimitedBroadcast(address))
      ? 'address: IPVS balances neither multicast nor broadcast'
      : undefined,
  ({ fwmark, address }) =>
    fwmark === undefined && address !== undefined && isMapped(address)
      ? 'address: ::ffff:0:0/96 is not seen on the wire; write the IPv4 address'
      : undefined,
  (service) =>
    service.fwmark === undefined && service.port === 0 && !isPersistent(service)
      ? 'port: 0 (every port) needs persistence; without it every packet is dropped'
      : undefined,
  (service) =>
    (flagsOf(service) & abi.serviceFlags.onePacket) !== 0 &&
    service.fwmark === undefined &&
    service.protocol !== abi.protocols.udp
      ? 'onePacket: only UDP is scheduled packet by packet'
      : undefined,
  (service) =>
    isPersistent(service) && service.netmask === 0
      ? 'persistence.netmask: 0 sends every client to one server'
      : undefined,
  (service) =>
    service.engine === 'sip' && service.fwmark === undefined && service.protocol !== abi.protocols.udp
      ? 'persistence.engine: sip reads UDP only'
      : undefined,
]

/** Of a complete real server and the identity of its service: what no kernel takes, or would lose. */
const strictRules: readonly Rule<[WireService, WireDestination]>[] = [
  (_, { address }) =>
    address !== undefined && (isUnspecified(address) || isMulticast(address) || isLimitedBroadcast(address))
      ? 'address: a real server needs a unicast address'
      : undefined,
  (_, { upperThreshold = 0, lowerThreshold = 0 }) =>
    lowerThreshold > upperThreshold
      ? `lowerThreshold: ${lowerThreshold} is above upperThreshold ${upperThreshold}`
      : undefined,
  (service, { family, forwarding }) =>
    family !== service.family && forwarding !== abi.forwardings.tunneling
      ? 'address: another family than the service needs forwarding tunneling'
      : undefined,
  (_, { forwarding, tunnelType, tunnelPort, tunnelFlags }) =>
    forwarding !== abi.forwardings.tunneling && (tunnelType || tunnelPort || tunnelFlags)
      ? 'tunnel: only with forwarding tunneling'
      : undefined,
  (_, { tunnelType = 0, tunnelPort = 0 }) =>
    (tunnelType === abi.tunnelTypes.gue) !== tunnelPort > 0
      ? 'tunnel.port: gue needs the UDP port of the receiver, the other types have none'
      : undefined,
  (_, { tunnelType = 0, tunnelFlags = 0 }) =>
    tunnelType === abi.tunnelTypes.ipip && tunnelFlags !== 0
      ? 'tunnel.checksum: ipip has no checksum'
      : undefined,
  (_, { tunnelType, tunnelFlags = 0 }) =>
    tunnelType === abi.tunnelTypes.gre && (tunnelFlags & abi.tunnelChecksums.remote) !== 0
      ? 'tunnel.checksum: remote offload is for gue'
      : undefined,
]

const keepsPort: readonly unknown[] = [abi.forwardings.tunneling, abi.forwardings['direct-routing']]

const destinationRules: readonly Rule<[WireService, WireDestination]>[] = [
  (service, { forwarding, port }) =>
    service.fwmark === undefined && keepsPort.includes(forwarding) && port !== service.port
      ? `port: direct routing and tunneling cannot change the port, which is ${service.port} at the service`
      : undefined,
  (_, { forwarding = 0 }) =>
    forwarding > abi.forwardings.bypass ? `forwarding: nobody has defined method ${forwarding}` : undefined,
  (_, { tunnelType = 0 }) =>
    tunnelType > abi.tunnelTypes.gre ? `tunnel.type: nobody has defined type ${tunnelType}` : undefined,
]

const fault = <T extends unknown[]>(rules: readonly Rule<T>[], ...subject: T): string | undefined => {
  for (const rule of rules) {
    const text = rule(...subject)
    if (text !== undefined) return text
  }
  return undefined
}

/** @throws RangeError naming field and rule. */
export const checkService = (service: WireService, force: boolean | undefined): void => {
  if (!force) refuse(fault(serviceRules, service))
}

/** A fault that was there before the edit is not the caller's: others may have made the service. */
export const checkServiceChange = (
  current: WireService,
  service: WireService,
  force: boolean | undefined,
): void => {
  if (force) return
  const { value, mask } = service.flags ?? { value: 0, mask: 0 }
  const flags = { value: (flagsOf(current) & ~mask) | (value & mask), mask }
  const text = fault(serviceRules, { ...service, flags })
  if (text !== fault(serviceRules, current)) refuse(text)
}

/** @throws RangeError naming field and rule. */
export const checkDestination = (
  service: WireService,
  destination: WireDestination,
  force: boolean | undefined,
): void => checkDestinationChange(service, undefined, destination, force)

/** As checkServiceChange; `current` is undefined when it was not read, because the edit names everything. */
export const checkDestinationChange = (
  service: WireService,
  current: WireDestination | undefined,
  destination: WireDestination,
  force: boolean | undefined,
): void => {
  const strict = fault(strictRules, service, destination)
  if (strict !== undefined) throw new RangeError(strict)
  if (force) return
  const text = fault(destinationRules, service, destination)
  if (current === undefined || text !== fault(destinationRules, service, current)) refuse(text)
}

const refuse = (text: string | undefined): void => {
  if (text !== undefined) {
    throw new RangeError(`${text} (the kernel would take this without a word; { force: true } sends it)`)
  }
}
