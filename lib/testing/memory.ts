// memoryIpvs(): an IPVS in memory, for unit tests of what uses this package; needs no kernel, no root and no addon.
// SPDX-License-Identifier: MIT

import { type Command, commands } from '../abi.js'
import * as check from '../check.js'
import { type Errno, errnos } from '../errno.js'
import { type Ipvs, openOver } from '../ipvs.js'
import { destinationKey } from '../model/destination.js'
import { serviceKey, serviceName } from '../model/service.js'
import type { OpenSocket } from '../netlink/socket.js'
import { tellSchedulers } from '../plan/schedulers.js'
import { type IpvsSync, openSyncOver } from '../sync.js'
import type { DestinationKey, ServiceKey, Stats } from '../types.js'
import type { Commands } from './commands.js'
import { behaviourOf, type MemoryOptions } from './options.js'
import { type Fault, MemorySocket } from './socket.js'
import { type Counters, type DestinationEntry, destinationIdentity, serviceIdentity } from './table.js'

/** Connections that a real server is to have; what is absent stays as it is. Each 0..4294967295. */
export interface Connections {
  /** Established ones. Default: as before. */
  readonly active?: number | undefined
  /** Others. Default: as before. */
  readonly inactive?: number | undefined
  /** Templates of persistence. Default: as before. */
  readonly persistent?: number | undefined
}

/** Options of {@link MemoryIpvs.loseReply}. */
export interface LossOptions {
  /** Whether the kernel carried the command out before its reply was lost. Default true. */
  readonly carriedOut?: boolean | undefined
  /** How many times, default 1; Infinity for ever. */
  readonly times?: number | undefined
}

/** An IPVS in memory: clients of it, and what a test does behind their backs. */
export interface MemoryIpvs {
  /** Opens a client; all clients share one table. It throws what Ipvs.open() throws. */
  open(): Promise<Ipvs>
  /** The same for the client without promises. */
  openSync(): IpvsSync
  /**
   * Sets how many connections a real server has, which decides when a drain is over.
   * @throws Error when there is no such service or real server; RangeError about a number.
   */
  setConnections(service: ServiceKey, destination: DestinationKey, connections: Connections): void
  /**
   * Counts traffic of a real server and of its service: counters are added to, rates are set.
   * @throws Error when there is no such service or real server; TypeError about a field.
   */
  count(service: ServiceKey, destination: DestinationKey, stats: Partial<Stats>): void
  /**
   * Makes the kernel refuse a command with an errno, and do nothing.
   * @param times how many times, default 1; Infinity for ever
   * @throws TypeError or RangeError naming the argument.
   */
  refuse(command: Command, errno: Errno, times?: number): void
  /**
   * Loses the replies to a command and to those sent with it: they fail with reason 'outcome-unknown', and what was
   * to be sent behind them with 'not-sent'.
   * @throws TypeError or RangeError naming the argument.
   */
  loseReply(command: Command, options?: LossOptions): void
}

/**
 * Makes an IPVS in memory. Its clients are those of the package, down to the bytes: requests are decoded and answered as
 * Linux 6.1 and later do it on x86-64, errors included. A suite of tests holds it equal to the real kernel.
 *
 * It forwards no packets: connections and counters are what the test says, rates do not decay, deleted real servers
 * are remembered for ever instead of some minutes, and a list never tears. What it would have to guess it refuses
 * with an Error (code ERR_IPVS_NOT_MODELLED) that names the command or the attribute.
 * @throws TypeError or RangeError about the options.
 */
export const memoryIpvs = (options: MemoryOptions = {}): MemoryIpvs => {
  const faults = new Faults()
  const behaviour = behaviourOf(options, faults.take.bind(faults))
  const kernel = behaviour.commands
  const opener: OpenSocket = () => new MemorySocket(behaviour)
  const toldOf = <T extends object>(client: T): T => {
    tellSchedulers(client, (name) => kernel.knows(name))
    return client
  }
  return {
    open: async () => toldOf(await openOver(opener)),
    openSync: () => toldOf(openSyncOver(opener)),
    setConnections(service, destination, connections) {
      setConnections(find(kernel, service, destination), connections)
    },
    count(service, destination, stats) {
      const entry = find(kernel, service, destination)
      checkStats(entry.counters, stats)
      count(entry.counters, stats)
      count(entry.service.counters, stats)
    },
    refuse(command, errno, times = 1) {
      check.oneOf('errno', errno, errnos)
      faults.add(command, { kind: 'refused', errno }, times)
    },
    loseReply(command, { carriedOut = true, times = 1 } = {}) {
      faults.add(command, { kind: 'reply-lost', carriedOut: check.boolean('carriedOut', carriedOut) }, times)
    },
  }
}

class Faults {
  #waiting: { readonly command: Command; readonly fault: Fault; left: number }[] = []

  add(command: Command, fault: Fault, times: number): void {
    check.oneOf('command', command, commands)
    if (times !== Infinity) check.integer('times', times, 1, 0x7fffffff)
    this.#waiting.push({ command, fault, left: times })
  }

  take<K extends Fault['kind']>(kind: K, command: Command): Extract<Fault, { kind: K }> | undefined {
    const found = this.#waiting.find((each) => each.command === command && each.fault.kind === kind)
    if (found === undefined) return undefined
    found.left--
    this.#waiting = this.#waiting.filter(({ left }) => left > 0)
    return found.fault as Extract<Fault, { kind: K }>
  }
}

const find = ({ table }: Commands, service: ServiceKey, destination: DestinationKey): DestinationEntry => {
  const wire = serviceKey(service)
  const entry = table.find(serviceIdentity(wire))
  if (entry === undefined) throw new Error(`no service ${serviceName(wire)} in this table`)
  const key = destinationIdentity(destinationKey(wire, destination), entry.family)
  const found = table.findDestination(entry, key)
  if (found !== undefined) return found
  throw new Error(`no real server ${destination.address} port ${key.port} at ${serviceName(wire)}`)
}

const connectionFields = new Set(['active', 'inactive', 'persistent'])

const setConnections = (entry: DestinationEntry, connections: Connections): void => {
  check.object('connections', connections)
  check.knownFields('connections', connections, connectionFields)
  const number = (field: keyof Connections, before: number): number =>
    check.integer(field, connections[field] ?? before, 0, 0xffffffff)
  const [activeConns, inactiveConns] = [
    number('active', entry.activeConns),
    number('inactive', entry.inactiveConns),
  ]
  const persistentConns = number('persistent', entry.persistentConns)
  Object.assign(entry, { activeConns, inactiveConns, persistentConns })
}

const checkStats = (counters: Counters, stats: Partial<Stats>): void => {
  check.object('stats', stats)
  check.knownFields('stats', stats, new Set(Object.keys(counters)))
  for (const [name, value] of Object.entries(stats)) {
    const wanted = typeof counters[name as keyof Stats]
    if (typeof value === 'number' && wanted === 'number')
      check.integer(`stats.${name}`, value, 0, Number.MAX_SAFE_INTEGER)
    else if (typeof value !== wanted) throw new TypeError(`stats.${name}: expected a ${wanted}`)
    else if (typeof value === 'bigint' && value < 0n)
      throw new RangeError(`stats.${name}: expected 0 or more`)
  }
}

/** What is added to is a bigint, what is set a number. */
const count = (counters: Counters, stats: Partial<Stats>): void => {
  for (const [name, value] of Object.entries(stats)) {
    const before = counters[name as keyof Stats]
    Object.assign(counters, {
      [name]: typeof before === 'bigint' && typeof value === 'bigint' ? before + value : value,
    })
  }
}
