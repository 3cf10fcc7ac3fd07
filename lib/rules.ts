// What the kernel accepts and then never serves, or not as meant: refused unless the caller forces it.
// SPDX-License-Identifier: MIT

import type { WireDestination, WireService } from './abi.js'
import * as abi from './abi.js'
import { isLimitedBroadcast, isMapped, isMulticast, isUnspecified } from './address.js'

const flagsOf = ({ flags }: WireService): number => flags?.value ?? 0
const isPersistent = (service: WireService): boolean => (flagsOf(service) & abi.serviceFlags.persistent) !== 0

/** Of a complete service; the value of its flags is what will be in force. */
const serviceFault = (service: WireService): string | undefined => {
  const { fwmark, protocol, address, port, netmask, engine } = service
  const persistent = isPersistent(service)
  const narrow =
    persistent && netmask === 0 ? 'persistence.netmask: 0 sends every client to one server' : undefined
  if (fwmark !== undefined) return narrow
  if (!schedulable.has(protocol ?? 0)) return 'protocol: only tcp, udp and sctp are ever looked up'
  if (address !== undefined) {
    if (isUnspecified(address)) return 'address: no packet is sent to the unspecified address'
    if (isMulticast(address) || isLimitedBroadcast(address))
      return 'address: IPVS balances neither multicast nor broadcast'
    if (isMapped(address)) return 'address: ::ffff:0:0/96 is not seen on the wire; write the IPv4 address'
  }
  if (port === 0 && !persistent)
    return 'port: 0 (every port) needs persistence; without it every packet is dropped'
  if (protocol === abi.protocols.udp) return narrow
  if ((flagsOf(service) & abi.serviceFlags.onePacket) !== 0)
    return 'onePacket: only UDP is scheduled packet by packet'
  return narrow ?? (engine === 'sip' ? 'persistence.engine: sip reads UDP only' : undefined)
}

const schedulable: ReadonlySet<number> = new Set(Object.values(abi.protocols))

/** Of a complete real server and the identity of its service: what no kernel takes, or would lose. */
const strictFault = (service: WireService, destination: WireDestination): string | undefined => {
  const { address, family, forwarding, upperThreshold = 0, lowerThreshold = 0 } = destination
  const { tunnelType = 0, tunnelPort = 0, tunnelFlags = 0 } = destination
  if (
    address !== undefined &&
    (isUnspecified(address) || isMulticast(address) || isLimitedBroadcast(address))
  )
    return 'address: a real server needs a unicast address'
  if (lowerThreshold > upperThreshold)
    return `lowerThreshold: ${lowerThreshold} is above upperThreshold ${upperThreshold}`
  if (forwarding !== abi.forwardings.tunneling) {
    if (family !== service.family)
      return 'address: another family than the service needs forwarding tunneling'
    if (tunnelType !== 0 || tunnelPort !== 0 || tunnelFlags !== 0)
      return 'tunnel: only with forwarding tunneling'
  }
  if ((tunnelType === abi.tunnelTypes.gue) !== tunnelPort > 0)
    return 'tunnel.port: gue needs the UDP port of the receiver, the other types have none'
  if (tunnelType === abi.tunnelTypes.ipip && tunnelFlags !== 0) return 'tunnel.checksum: ipip has no checksum'
  if (tunnelType === abi.tunnelTypes.gre && (tunnelFlags & abi.tunnelChecksums.remote) !== 0)
    return 'tunnel.checksum: remote offload is for gue'
  return undefined
}

/** Of the same: what the kernel takes and hardly serves. */
const destinationFault = (
  { fwmark, port: servicePort }: WireService,
  { forwarding = 0, port, tunnelType = 0 }: WireDestination,
): string | undefined => {
  const keepsPort =
    forwarding === abi.forwardings.tunneling || forwarding === abi.forwardings['direct-routing']
  if (keepsPort && fwmark === undefined && port !== servicePort)
    return `port: direct routing and tunneling cannot change the port, which is ${servicePort} at the service`
  if (forwarding > abi.forwardings.bypass) return `forwarding: nobody has defined method ${forwarding}`
  return tunnelType > abi.tunnelTypes.gre ? `tunnel.type: nobody has defined type ${tunnelType}` : undefined
}

/** @throws RangeError naming field and rule. */
export const checkService = (service: WireService, force: boolean | undefined): void => {
  if (!force) refuse(serviceFault(service))
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
  const text = serviceFault({ ...service, flags })
  if (text !== serviceFault(current)) refuse(text)
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
  const strict = strictFault(service, destination)
  if (strict !== undefined) throw new RangeError(strict)
  if (force) return
  const text = destinationFault(service, destination)
  if (current === undefined || text !== destinationFault(service, current)) refuse(text)
}

const refuse = (text: string | undefined): void => {
  if (text !== undefined) {
    throw new RangeError(`${text} (the kernel would take this without a word; { force: true } sends it)`)
  }
}
