// What there is around an IPVS in memory, and what it does when nothing is said.
// SPDX-License-Identifier: MIT

import * as check from '../check.js'
import { Commands } from './commands.js'
import type { Behaviour } from './socket.js'

/** The schedulers of the kernel's own tree; `none` is known besides. */
export const inTreeSchedulers: readonly string[] = [
  ...['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'dh', 'sh', 'mh', 'sed', 'nq', 'fo', 'ovf', 'twos'],
]

/** What there is around the table. */
export interface MemoryOptions {
  /** Schedulers that can be loaded. Default {@link inTreeSchedulers}; `maglev`, `hrw` and `msh` are to be named. */
  readonly schedulers?: readonly string[] | undefined
  /** Persistence engines that can be loaded. Default `sip`. */
  readonly engines?: readonly string[] | undefined
  /** Network interfaces for daemons, and the MTU of each. All are up and have addresses. Default lo and eth0. */
  readonly interfaces?: Readonly<Record<string, number>> | undefined
  /** False: `lo` was never up, and the kernel refuses every IPv4 real server. Default true. */
  readonly loopback?: boolean | undefined
  /** False: IPv6 is switched off. Default true. */
  readonly ipv6?: boolean | undefined
  /** False: without CAP_NET_ADMIN, so that every call fails with 'not-permitted'. Default true. */
  readonly permitted?: boolean | undefined
  /** False: no IPVS in this kernel; clients cannot be opened. Default true. */
  readonly available?: boolean | undefined
  /** What info() tells, 1..2147483647. Default 4096. */
  readonly connectionTableSize?: number | undefined
}

const optionFields = new Set<string>([
  'schedulers',
  'engines',
  'interfaces',
  'loopback',
  'ipv6',
  'permitted',
  'available',
  'connectionTableSize',
] satisfies (keyof MemoryOptions)[])

/** @throws TypeError or RangeError naming the option. */
export const behaviourOf = (options: MemoryOptions, fault: Behaviour['fault']): Behaviour => {
  check.object('options', options)
  check.knownFields('options', options, optionFields)
  const { schedulers = inTreeSchedulers, engines = ['sip'], interfaces = { lo: 65536, eth0: 1500 } } = options
  const { loopback = true, ipv6 = true, permitted = true, available = true } = options
  const { connectionTableSize = 4096 } = options
  check.object('interfaces', interfaces)
  const mtus = Object.entries(interfaces).map(
    ([name, mtu]) => [name, check.integer(`interfaces.${name}`, mtu, 68, 0x7fffffff)] as const,
  )
  const commands = new Commands({
    schedulers: names('schedulers', schedulers),
    engines: names('engines', engines),
    interfaces: new Map(mtus),
    ipv6: check.boolean('ipv6', ipv6),
    loopback: check.boolean('loopback', loopback),
    connectionTableSize: check.integer('connectionTableSize', connectionTableSize, 1, 0x7fffffff),
  })
  return {
    commands,
    permitted: check.boolean('permitted', permitted),
    available: check.boolean('available', available),
    fault,
  }
}

const names = (field: string, given: readonly string[]): ReadonlySet<string> => {
  if (!Array.isArray(given)) throw new TypeError(`${field}: expected an array of names`)
  return new Set(given.map((name) => check.name(field, name, 15)))
}
