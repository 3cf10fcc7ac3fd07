// How findings name services and servers, and the commands that change them.
// SPDX-License-Identifier: MIT

import { isIPv6 } from 'node:net'
import { hostPort, nameOfStatus } from '../objects.js'
import { numeric, serviceLines } from '../text/format.js'
import type { DestinationStatus, ServiceStatus, SnapshotService } from '../types.js'
import type { Facts } from './types.js'

/** `10.0.0.2:80 of 192.0.2.10:80/tcp` */
export const serverName = (service: ServiceStatus, server: DestinationStatus): string =>
  `${hostPort(server)} of ${nameOfStatus(service)}`

/** The first, and how many more. */
export const some = (names: readonly string[]): string =>
  names.length < 2 ? names.join() : `${names[0]} and ${names.length - 1} more`

/** `net.ipv4.ip_forward = 0` */
export const seen = ({ settings }: Facts, sysctl: string): string =>
  `${sysctl} = ${settings.get(sysctl) ?? 'unknown'}`

/** `ipvs -E` with all settings of the service. */
export const editService = (service: ServiceStatus): string =>
  `ipvs ${serviceLines(service, [], numeric)[0]!.replace(/^-A/, '-E')}`

/** `ipvs -e` with all settings of the server. */
export const editServer = (service: ServiceStatus, server: DestinationStatus): string =>
  `ipvs ${serviceLines(service, [server], numeric)[1]!.replace(/^-a/, '-e')}`

/** `-t SERVICE -r SERVER`, as `ipvs drain` takes them. */
export const serverOptions = (service: ServiceStatus, server: DestinationStatus): string => {
  const words = serviceLines(service, [server], numeric)[1]!.split(' ')
  return words.slice(1, words.indexOf('-r') + 2).join(' ')
}

/** True of an own address; of IPv6 also while the kernel still makes sure that nobody else has it. */
export const isOwn = ({ network }: Facts, address: string): boolean =>
  network.routes.get(address)?.type === 'local' ||
  network.addresses.some((own) => own.address === address && own.family === 'ipv6')

/** The address alone, as `ip address` takes it. */
const hostPrefix = (address: string): string => `${address}/${isIPv6(address) ? 128 : 32}`

/** The words that add an address: a VIP is meant to be on several machines, which would end in none having it. */
export const addAddress = (address: string, link: string): string =>
  `ip address add ${hostPrefix(address)} dev ${link}${isIPv6(address) ? ' nodad' : ''}`

export interface Served {
  readonly service: SnapshotService
  readonly server: DestinationStatus
}

/** Every real server with its service. */
export const servers = ({ services }: Facts): Served[] =>
  services.flatMap((service) => service.destinations.map((server) => ({ service, server })))

/** Services whose packets may be TCP: firewall marks tell no protocol. */
export const mayBeTcp = ({ protocol }: ServiceStatus): boolean => protocol === 'tcp' || protocol === undefined
