// What ipvsadm and /proc say of a namespace's table, and the same words made of what the client reads.
// SPDX-License-Identifier: MIT

import { execFileSync, spawnSync } from 'node:child_process'
import type { DestinationStatus, SnapshotService } from '../../lib/index.ts'
import type { Namespace } from './namespace.ts'

/** Everything that is compared, each line with single spaces. */
export interface Listing {
  /** `ipvsadm -Sn`, sorted: its order is its own. */
  readonly rules: readonly string[]
  /**
   * /proc/net/ip_vs with addresses and ports as people write them and timeouts in seconds, one text a service, sorted;
   * within a service the kernel's order.
   */
  readonly proc: readonly string[]
  /** `10.0.0.1:80 100 50` of `ipvsadm -Ln --thresholds`, sorted. */
  readonly thresholds: readonly string[]
  /** `-> 10.0.0.1:80 1 5 4 260 200` of `ipvsadm -Ln --stats --exact`, sorted; a service begins with its name. */
  readonly counters: readonly string[]
}

const SEPARATOR = '-- next --'
const programs = [
  'ipvsadm -Sn',
  'cat /proc/net/ip_vs',
  'ipvsadm -Ln --thresholds',
  'ipvsadm -Ln --stats --exact',
]
const HEADER_LINES = 3

const words = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.replace(/\s+/g, ' ').trim())
    .filter((line) => line !== '')

const script = programs.join(`; echo '${SEPARATOR}'; `)

export const listing = (netns: Namespace): Listing => {
  const output = netns.exec('sh', '-ec', script)
  const [rules, proc, thresholds, counters] = output.split(`${SEPARATOR}\n`) as [
    string,
    string,
    string,
    string,
  ]
  return {
    rules: words(rules).sort(),
    proc: blocks(words(readable(proc)).slice(HEADER_LINES)),
    thresholds: words(thresholds)
      .filter((line) => /^-> .*\d$/.test(line))
      .map((line) => line.split(' ').slice(1, 4).join(' '))
      .sort(),
    counters: words(counters).slice(HEADER_LINES).sort(),
  }
}

/** Gives rules to `ipvsadm -R`, which goes on after an error and returns the status of its last line only. */
export const apply = (netns: Namespace, rules: readonly string[]): void => {
  const { status, stderr } = spawnSync('ip', ['netns', 'exec', netns.name, 'ipvsadm', '-R'], {
    encoding: 'utf8',
    input: rules.map((rule) => `${rule}\n`).join(''),
  })
  if (status !== 0 || stderr !== '') throw new Error(`ipvsadm -R: status ${status}: ${stderr}`)
}

/**
 * Rules as `ipvsadm -Sn` prints them. It leaves the thresholds out, so that ipvsadm-restore loses them: ipvsadm's
 * fault, which is why they are compared with `-Ln --thresholds`.
 */
export const ruleLines = (rules: readonly string[]): string[] =>
  rules.map((rule) => rule.replace(/ -[xy] \d+/g, '')).sort()

/** Each service with its real servers. */
const blocks = (lines: readonly string[]): string[] =>
  lines
    .join('\n')
    .split(/\n(?!->)/)
    .filter((block) => block !== '')
    .sort()

const dotted = (hex: string): string =>
  hex
    .match(/../g)!
    .map((byte) => Number.parseInt(byte, 16))
    .join('.')

let hz: number | undefined
/** Ticks per second, which are no part of the ABI: how /proc shows a timeout of one. */
const ticks = (): number => {
  hz ??= Number(
    / persistent (\d+) /.exec(
      execFileSync('unshare', ['-n', 'sh', '-ec', 'ipvsadm -A -t 192.0.2.1:1 -p 1; cat /proc/net/ip_vs'], {
        encoding: 'utf8',
      }),
    )?.[1],
  )
  return hz
}

/** `C000020A:0050` and `[2001:0db8:0000:…:0001]:0050` as `192.0.2.10:80` and `[2001:db8::1]:80`. */
const readable = (proc: string): string =>
  proc
    .replace(/\[[\da-f:]+\]/g, (address) => new URL(`http://${address}`).hostname)
    .replace(/^(\s*\S+\s+)([\dA-F]{8}):/gm, (_, start: string, hex: string) => `${start}${dotted(hex)}:`)
    .replace(/:([\dA-F]{4})(?=\s)/g, (_, hex: string) => `:${Number.parseInt(hex, 16)}`)
    .replace(/ persistent (\d+) /g, (_, jiffies: string) => ` persistent ${Number(jiffies) / ticks()} `)

const host = (address: string): string => (address.includes(':') ? `[${address}]` : address)
export const endpoint = (at: { readonly address: string; readonly port: number }): string =>
  `${host(at.address)}:${at.port}`

const hex32 = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0')

/** The bytes in the order of memory: for IPv6 the kernel treats a length as if it were a mask in network order. */
const procMask = (mask: string | number): string => {
  const bytes =
    typeof mask === 'string'
      ? mask.split('.').map(Number)
      : [...new Uint8Array(new Uint32Array([mask]).buffer)]
  return hex32(bytes.reduce((value, byte) => value * 256 + byte, 0))
}

const procMethods: Readonly<Record<string, string>> = {
  masquerading: 'Masq',
  local: 'Local',
  tunneling: 'Tunnel',
  'direct-routing': 'Route',
  bypass: 'Masq', // ip_vs_fwd_name() of the kernel does not know it: its fault
}

/**
 * A service as /proc/net/ip_vs has it. It lacks thresholds, tunnels, scheduler flags, engines, and the family of a
 * firewall mark; for IPv6 addresses also `ops`.
 */
const procService = (service: SnapshotService): string => {
  const { scheduler, persistence, onePacket, family, destinations } = service
  const name =
    service.fwmark !== undefined
      ? `FWM ${hex32(service.fwmark)}`
      : `${service.protocol.toUpperCase()} ${endpoint(service)}`
  const ops = onePacket && (service.fwmark !== undefined || family === 'ipv4')
  const line = [
    name,
    scheduler,
    ...(ops ? ['ops'] : []),
    ...(persistence ? [`persistent ${persistence.timeout} ${procMask(persistence.netmask)}`] : []),
  ]
  return [line.join(' '), ...destinations.map(procDestination)].join('\n')
}

export const procLines = (services: readonly SnapshotService[]): string[] => services.map(procService).sort()

const procDestination = (to: DestinationStatus): string =>
  `-> ${endpoint(to)} ${procMethods[to.forwarding]} ${to.weight} ${to.activeConns} ${to.inactiveConns}`

export const thresholdLines = (services: readonly SnapshotService[]): string[] =>
  services
    .flatMap(({ destinations }) => destinations)
    .map((to) => `${endpoint(to)} ${to.upperThreshold} ${to.lowerThreshold}`)
    .sort()

/** As `ipvsadm -Ln --stats --exact` prints services and real servers. */
export const counterLines = (services: readonly SnapshotService[]): string[] =>
  services
    .flatMap((service) => [counters(listedName(service), service), ...service.destinations.map(ofServer)])
    .sort()

const ofServer = (to: DestinationStatus): string => counters(`-> ${endpoint(to)}`, to)

const counters = (name: string, { stats }: Pick<SnapshotService, 'stats'>): string =>
  [name, stats.conns, stats.inPkts, stats.outPkts, stats.inBytes, stats.outBytes].join(' ')

const listedName = (service: SnapshotService): string =>
  service.fwmark !== undefined
    ? `FWM ${service.fwmark}${service.family === 'ipv6' ? ' IPv6' : ''}`
    : `${service.protocol.toUpperCase()} ${endpoint(service)}`
