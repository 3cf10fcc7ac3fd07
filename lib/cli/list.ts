// `ipvs -L`: the table in the columns of `ipvsadm -L`.
// SPDX-License-Identifier: MIT

import { endpointText, flagsText, maskText, type Names } from '../text/format.js'
import { sortServers, sortServices } from '../text/order.js'
import type { DaemonStatus, DestinationStatus, ServiceStatus, SnapshotService, Stats } from '../types.js'

/** What is shown of each; of several options the first counts, in this order. */
export type View = 'stats' | 'rate' | 'thresholds' | 'persistent-conn' | 'tun-info' | 'weights'
export const views = ['stats', 'rate', 'thresholds', 'persistent-conn', 'tun-info'] as const

export interface ListOptions {
  readonly view: View
  readonly exact: boolean
  readonly sorted: boolean
  readonly names: Names
}

const padded = (text: string | number, width: number): string => `${text}`.padEnd(width)
const columns = (words: readonly (string | number)[], widths: readonly number[]): string =>
  words.map((word, i) => padded(word, widths[i]!)).join(' ')

const left = (word: string): string => padded(word, 33)
const numbers = (words: readonly string[]): string => words.map((word) => word.padStart(9)).join('')

const titles: Readonly<Record<View, string>> = {
  stats: `${left('Prot LocalAddress:Port')}${numbers(['Conns', 'InPkts', 'OutPkts', 'InBytes', 'OutBytes'])}`,
  rate: `${left('Prot LocalAddress:Port')}${numbers(['CPS', 'InPPS', 'OutPPS', 'InBPS', 'OutBPS'])}`,
  thresholds: `${left('Prot LocalAddress:Port')} Uthreshold Lthreshold ActiveConn InActConn `,
  'persistent-conn': `${left('Prot LocalAddress:Port')} Weight    PersistConn ActiveConn InActConn `,
  'tun-info': 'Prot LocalAddress:Port Scheduler Flags',
  weights: 'Prot LocalAddress:Port Scheduler Flags',
}
const serverTitles: Readonly<Record<View, string>> = {
  stats: '',
  rate: '',
  thresholds: '',
  'persistent-conn': '',
  'tun-info': '           Forward TunnelInfo    Weight ActiveConn InActConn',
  weights: '           Forward Weight ActiveConn InActConn',
}

const title = (view: View): string => `${titles[view]}\n  -> RemoteAddress:Port${serverTitles[view]}\n`

/** Nine columns: from 100 million on in thousands, from a thousand million on in millions, and so on. */
export const largeNumber = (value: bigint | number, exact: boolean): string => {
  const number = BigInt(value)
  if (exact) return ` ${`${number}`.padStart(8)}`
  if (number < 10n ** 8n) return `${number}`.padStart(9)
  const [divisor, unit] =
    number < 10n ** 9n
      ? [10n ** 3n, 'K']
      : number < 10n ** 11n
        ? [10n ** 6n, 'M']
        : number < 10n ** 14n
          ? [10n ** 9n, 'G']
          : [10n ** 12n, 'T']
  return `${`${number / divisor}`.padStart(8)}${unit}`
}

const counters = ({ conns, inPkts, outPkts, inBytes, outBytes }: Stats): readonly bigint[] => [
  conns,
  inPkts,
  outPkts,
  inBytes,
  outBytes,
]
const rates = ({ cps, inPps, outPps, inBps, outBps }: Stats): readonly number[] => [
  cps,
  inPps,
  outPps,
  inBps,
  outBps,
]

const figures = (stats: Stats, { view, exact }: ListOptions): string =>
  (view === 'stats' ? counters(stats) : rates(stats)).map((value) => largeNumber(value, exact)).join('')

/** ipvsadm cuts names of more than 59 letters. */
const LONGEST_NAME = 59

const serviceName = (service: ServiceStatus, names: Names): string => {
  const { family } = service
  if (service.fwmark !== undefined) return `FWM  ${service.fwmark}${family === 'ipv6' ? ' IPv6' : ''}`
  const protocol = service.protocol.startsWith('protocol-') ? '?' : service.protocol.toUpperCase()
  const at = endpointText(service, service.protocol, names).slice(0, LONGEST_NAME)
  const name = `${protocol.padEnd(4)} ${at}`
  return family === 'ipv6' ? name : name.slice(0, 33)
}

const settings = ({ scheduler, schedulerFlags, persistence, onePacket }: ServiceStatus): string => {
  const words = [scheduler]
  if (schedulerFlags.length > 0) words.push(`(${flagsText(schedulerFlags, scheduler)})`)
  if (persistence !== null) {
    words.push(`persistent ${persistence.timeout}`)
    const mask = maskText(persistence.netmask)
    if (mask !== undefined) words.push(`mask ${mask}`)
    if (persistence.engine !== undefined) words.push(`pe ${persistence.engine}`)
  }
  if (onePacket) words.push('ops')
  return words.join(' ')
}

const methods: Readonly<Record<string, string>> = {
  masquerading: 'Masq',
  local: 'Local',
  tunneling: 'Tunnel',
  'direct-routing': 'Route',
  bypass: 'Bypass',
}

const tunnelInfo = ({ tunnel }: DestinationStatus): string => {
  if (tunnel === undefined) return 'n/a'
  const { type, port, checksum } = tunnel
  const sums: Readonly<Record<string, string>> = { none: '-c', plain: '+c', remote: 'r+c' }
  return [
    type,
    ...(port === undefined ? [] : [port]),
    ...(checksum === undefined ? [] : [sums[checksum] ?? checksum]),
  ]
    .join(':')
    .slice(0, 15)
}

const server = (to: DestinationStatus, protocol: string | undefined, options: ListOptions): string => {
  const at = endpointText(to, protocol, options.names).slice(0, LONGEST_NAME)
  const name = `  -> ${padded(to.family === 'ipv6' ? at : at.slice(0, 28), 28)}`
  const conns = [to.activeConns, to.inactiveConns]
  const method = methods[to.forwarding] ?? to.forwarding
  switch (options.view) {
    case 'stats':
      return name + figures(to.stats, options)
    case 'rate':
      // Of connections and packets ipvsadm shows every digit, but not of bytes.
      return (
        name +
        rates(to.stats)
          .map((value, i) => largeNumber(value, options.exact || i < 3))
          .join('')
      )
    case 'thresholds':
      return `${name} ${columns([to.upperThreshold, to.lowerThreshold, ...conns], [10, 10, 10, 10])}`
    case 'persistent-conn':
      return `${name} ${columns([to.weight, to.persistentConns, ...conns], [9, 11, 10, 10])}`
    case 'tun-info':
      return `${name} ${columns([method, tunnelInfo(to), to.weight, ...conns], [7, 13, 6, 10, 10])}`
    default:
      return `${name} ${columns([method, to.weight, ...conns], [7, 6, 10, 10])}`
  }
}

const block = (service: SnapshotService, options: ListOptions): string => {
  const { view, sorted, names } = options
  const name = serviceName(service, names)
  const isCounting = view === 'stats' || view === 'rate'
  const head = isCounting ? left(name) + figures(service.stats, options) : `${name} ${settings(service)}`
  const servers = sorted ? sortServers(service.destinations) : service.destinations
  return [head, ...servers.map((to) => server(to, service.protocol, options))]
    .map((line) => `${line}\n`)
    .join('')
}

export const listText = (services: readonly SnapshotService[], options: ListOptions): string =>
  title(options.view) +
  (options.sorted ? sortServices(services) : services).map((service) => block(service, options)).join('')

export const daemonText = ({
  state,
  interface: device,
  syncId,
  maxLength,
  group,
  port,
  ttl,
}: DaemonStatus): string => {
  const words = [
    `mcast=${device}`,
    `syncid=${syncId}`,
    ...(maxLength === undefined ? [] : [`maxlen=${maxLength}`]),
    ...(group === undefined ? [] : [`group=${group}`]),
    ...(port === undefined ? [] : [`port=${port}`]),
    ...(ttl === undefined ? [] : [`ttl=${ttl}`]),
  ]
  return `${state} sync daemon (${words.join(', ')})\n`
}
