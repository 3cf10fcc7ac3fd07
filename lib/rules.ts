// What the kernel accepts and then never serves, or not as meant: refused unless the caller forces it.
// SPDX-License-Identifier: MIT

import type { WireDestination, WireService } from './abi.js'
import * as abi from './abi.js'
import { isLimitedBroadcast, isMulticast, isUnspecified } from './address.js'

type Rule<T extends unknown[]> = (...subject: T) => string | undefined

const flagsOf = ({ flags }: WireService): number => flags?.value ?? 0
const isPersistent = (service: WireService): boolean => (flagsOf(service) & abi.serviceFlags.persistent) !== 0

/** Of a complete service whose flags are those that will be in force. */
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
    fwmark === undefined && address !== undefined && isMulticast(address)
      ? 'address: IPVS does not balance multicast'
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
]

const keepsPort: readonly unknown[] = [abi.forwardings.tunneling, abi.forwardings['direct-routing']]

const destinationRules: readonly Rule<[WireService, WireDestination]>[] = [
  (service, { forwarding, port }) =>
    keepsPort.includes(forwarding) && port !== (service.port ?? 0)
      ? `port: direct routing and tunneling cannot change the port, which is ${service.port ?? 0} at the service`
      : undefined,
]

const fault = <T extends unknown[]>(rules: readonly Rule<T>[], ...subject: T): string | undefined => {
  for (const rule of rules) {
    const text = rule(...subject)
    if (text !== undefined) return text
  }
  return undefined
}

const FORCE = 'the kernel would take this without a word; { force: true } sends it'

/** @throws RangeError naming field and rule. `flags` are those that will be in force after the call. */
export const checkService = (service: WireService, flags: number, force: boolean | undefined): void => {
  if (force) return
  const text = fault(serviceRules, { ...service, flags: { value: flags, mask: 0 } })
  if (text !== undefined) throw new RangeError(`${text} (${FORCE})`)
}

export const checkDestination = (
  service: WireService,
  destination: WireDestination,
  force: boolean | undefined,
): void => {
  const strict = fault(strictRules, service, destination)
  if (strict !== undefined) throw new RangeError(strict)
  if (force) return
  const text = fault(destinationRules, service, destination)
  if (text !== undefined) throw new RangeError(`${text} (${FORCE})`)
}
