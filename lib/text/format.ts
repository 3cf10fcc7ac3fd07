// A table as lines for parseRules(), restore(), `ipvs -R` and, but for what only this package knows, `ipvsadm -R`.
// SPDX-License-Identifier: MIT

import type {
  DaemonStatus,
  DestinationStatus,
  SchedulerFlag,
  ServiceStatus,
  SnapshotService,
  Timeouts,
} from '../types.js'
import { orderServices, sortServers, sortServices } from './order.js'

/** What formatRules() writes; a snapshot will do. */
export interface RuleTable {
  /** In any order; they are written sorted. */
  readonly services: readonly SnapshotService[]
  /** Written as `--set`. Default: not written. */
  readonly timeouts?: Timeouts | undefined
  /** Written as `--start-daemon`. Default: none. */
  readonly daemons?: readonly DaemonStatus[] | undefined
}

/** How addresses and ports are written. */
export interface Names {
  readonly host: (address: string) => string
  readonly port: (port: number, protocol: string | undefined) => string
}

export const numeric: Names = { host: (address) => address, port: String }

export const endpointText = (
  { address, port, family }: Pick<DestinationStatus, 'address' | 'port' | 'family'>,
  protocol: string | undefined,
  { host, port: name }: Names,
): string => {
  const at = host(address)
  return `${family === 'ipv6' ? `[${at}]` : at}:${name(port, protocol)}`
}

const letters: Readonly<Record<string, string>> = { tcp: '-t', udp: '-u', sctp: '--sctp-service' }

const serviceText = (service: ServiceStatus, names: Names): string => {
  if (service.fwmark !== undefined) return `-f ${service.fwmark}${service.family === 'ipv6' ? ' -6' : ''}`
  const { protocol } = service
  const at = endpointText(service, protocol, names)
  return letters[protocol] === undefined
    ? `--protocol-service ${protocol.slice('protocol-'.length)}/${at}`
    : `${letters[protocol]} ${at}`
}

const prefixed = ['sh', 'mh']

/** `sh-fallback,sh-port` as ipvsadm writes them; of other schedulers it knows but the numbers. */
export const flagsText = (flags: readonly SchedulerFlag[], scheduler: string): string =>
  flags
    .map((flag) =>
      flag === 'fallback' || flag === 'port'
        ? prefixed.includes(scheduler)
          ? `${scheduler}-${flag}`
          : flag === 'fallback'
            ? 'flag-1'
            : 'flag-2'
        : flag,
    )
    .join(',')

/** A mask is written only where it is not the widest. */
export const maskText = (netmask: string | number): string | undefined =>
  netmask === '255.255.255.255' || netmask === 128 ? undefined : String(netmask)

const settingsText = (service: ServiceStatus): string => {
  const { scheduler, persistence, onePacket, schedulerFlags } = service
  const words = [`-s ${scheduler}`]
  if (persistence !== null) {
    words.push(`-p ${persistence.timeout}`)
    const mask = maskText(persistence.netmask)
    if (mask !== undefined) words.push(`-M ${mask}`)
    if (persistence.engine !== undefined) words.push(`--pe ${persistence.engine}`)
  }
  if (onePacket) words.push('-o')
  if (schedulerFlags.length > 0) words.push(`-b ${flagsText(schedulerFlags, scheduler)}`)
  // What parseRules() would refuse, as ipvsadm does, though others got it into the kernel.
  const isUseless = (service.port === 0 && persistence === null) || (onePacket && service.protocol !== 'udp')
  if (service.fwmark === undefined && isUseless) words.push('--force')
  return words.join(' ')
}

const methodText = ({ forwarding, port }: DestinationStatus, service: ServiceStatus): string => {
  if (forwarding === 'masquerading') return '-m'
  // The letters would be understood as the port of the service.
  const isLetter = service.fwmark !== undefined || service.port === port
  if (forwarding === 'direct-routing' && isLetter) return '-g'
  if (forwarding === 'tunneling' && isLetter) return '-i'
  return `--forwarding ${forwarding}`
}

const tunnelText = ({ tunnel }: DestinationStatus): string => {
  if (tunnel === undefined) return ''
  const { type, port, checksum } = tunnel
  const options = { none: '--tun-nocsum', plain: '--tun-csum', remote: '--tun-remcsum' }
  const flags =
    checksum === undefined
      ? ''
      : ` ${options[checksum as 'none'] ?? `--tun-flags ${checksum.slice('flags-'.length)}`}`
  return ` --tun-type ${type}${port === undefined ? '' : ` --tun-port ${port}`}${flags}`
}

const thresholdText = ({ upperThreshold, lowerThreshold }: DestinationStatus): string =>
  `${upperThreshold > 0 ? ` -x ${upperThreshold}` : ''}${lowerThreshold > 0 ? ` -y ${lowerThreshold}` : ''}`

/** One service with its real servers, in the order given. */
export const serviceLines = (
  service: ServiceStatus,
  destinations: readonly DestinationStatus[],
  names: Names,
): string[] => {
  const name = serviceText(service, names)
  const servers = destinations.map((to) => {
    const at = endpointText(to, service.protocol, names)
    return `-a ${name} -r ${at} ${methodText(to, service)} -w ${to.weight}${tunnelText(to)}${thresholdText(to)}`
  })
  return [`-A ${name} ${settingsText(service)}`, ...servers]
}

const daemonLine = ({
  state,
  interface: device,
  syncId,
  maxLength,
  group,
  port,
  ttl,
}: DaemonStatus): string =>
  [
    `--start-daemon ${state} --mcast-interface ${device} --syncid ${syncId}`,
    ...(maxLength === undefined ? [] : [`--sync-maxlen ${maxLength}`]),
    ...(group === undefined ? [] : [`--mcast-group ${group}`]),
    ...(port === undefined ? [] : [`--mcast-port ${port}`]),
    ...(ttl === undefined ? [] : [`--mcast-ttl ${ttl}`]),
  ].join(' ')

/**
 * Writes a table as lines that parseRules() reads, ipvsadm's words with thresholds, timeouts and daemons added.
 * Restored, they give the same table: services sorted, real servers in the order in which they were added, which
 * schedulers see. A daemon comes last, so that it finds the table complete.
 */
export const formatRules = ({ services, timeouts, daemons = [] }: RuleTable): string => {
  const lines = timeouts === undefined ? [] : [`--set ${timeouts.tcp} ${timeouts.tcpFin} ${timeouts.udp}`]
  // The kernel lists the newest server first.
  for (const service of orderServices(services)) {
    lines.push(...serviceLines(service, service.destinations.toReversed(), numeric))
  }
  lines.push(...daemons.map(daemonLine))
  return lines.map((line) => `${line}\n`).join('')
}

/** As `ipvsadm -S` prints it: services and real servers sorted, nothing but these. */
export const formatSorted = (services: readonly SnapshotService[], names: Names): string =>
  sortServices(services)
    .flatMap((service) => serviceLines(service, sortServers(service.destinations), names))
    .map((line) => `${line}\n`)
    .join('')
