// Synchronisation daemons of the IPVS in memory: started, stopped, listed; they synchronise nothing.
// SPDX-License-Identifier: MIT

import { daemonStates, type WireDaemon } from '../abi.js'
import type { Errno } from '../errno.js'
import { notModelled, readDaemon } from './attributes.js'

const { master, backup } = daemonStates
const GROUP = Uint8Array.of(224, 0, 0, 81)
const PORT = 8848
const UDP_HEADER = 8
/** Of an IPv4 and of an IPv6 packet, which has no options here. */
const HEADERS = { ipv4: 20 + UDP_HEADER, ipv6: 40 + UDP_HEADER } as const

const clamp = (value: number, least: number, most: number): number => Math.max(least, Math.min(value, most))

interface Surroundings {
  /** The MTU of each network interface. */
  readonly interfaces: ReadonlyMap<string, number>
  readonly ipv6: boolean
}

export class Daemons {
  readonly #running = new Map<number, WireDaemon>()
  readonly #surroundings: Surroundings

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings
  }

  get running(): boolean {
    return this.#running.size > 0
  }

  /** The master first. */
  list(): readonly WireDaemon[] {
    return [master, backup].flatMap((state) => this.#running.get(state) ?? [])
  }

  /** `mixed`: there are real servers of another family than their service. */
  start(payload: Uint8Array | undefined, mixed: boolean): Errno | undefined {
    const daemon = payload && readDaemon(payload)
    if (daemon === undefined) return 'EINVAL'
    const { state, interface: name, syncId, group, group6 } = daemon
    if (state === undefined || name === undefined || syncId === undefined) return 'EINVAL'
    if (!isGroup(group, group6) || mixed) return 'EINVAL'
    const mtu = this.#surroundings.interfaces.get(name)
    if (mtu === undefined) return 'ENODEV'
    if (state !== master && state !== backup) return 'EINVAL'
    if (this.#running.has(state)) return 'EEXIST'
    if (!this.#surroundings.ipv6 && group === undefined && group6 !== undefined)
      throw notModelled('a daemon of IPv6 where there is no IPv6')
    this.#running.set(state, complete(daemon, state, mtu))
    return undefined
  }

  stop(payload: Uint8Array | undefined): Errno | undefined {
    const state = payload && readDaemon(payload)?.state
    if (state !== master && state !== backup) return 'EINVAL'
    return this.#running.delete(state) ? undefined : 'ESRCH'
  }
}

/** Multicast, or not named at all; of two only the first is looked at. */
const isGroup = (group: Uint8Array | undefined, group6: Uint8Array | undefined): boolean =>
  group === undefined ? group6 === undefined || group6[0] === 0xff : (group[0]! & 0xf0) === 0xe0

/** With what the kernel sets by default; an IPv4 group wins over an IPv6 one. */
const complete = (daemon: WireDaemon, state: number, mtu: number): WireDaemon => {
  const ipv6 = daemon.group === undefined && daemon.group6 !== undefined
  const headers = ipv6 ? HEADERS.ipv6 : HEADERS.ipv4
  const { interface: name, syncId, maxLength, port, ttl } = daemon
  const usual = (state === backup ? clamp(mtu, 1500, 0xffff) : 1500) - headers
  return {
    state,
    interface: name,
    syncId,
    maxLength: maxLength ? clamp(maxLength, state === backup ? 1024 : 1, 0xffff - headers) : usual,
    ...(ipv6 ? { group6: daemon.group6 } : { group: daemon.group ?? GROUP }),
    port: port || PORT,
    ttl: ttl || 1,
  }
}
