// Synchronisation daemons, timeouts and info between the public shape and the kernel's.
// SPDX-License-Identifier: MIT

import type { WireDaemon, WireMessage } from '../abi.js'
import * as abi from '../abi.js'
import { bytesOf, formatAddress, isMulticast, isUnspecified } from '../address.js'
import * as check from '../check.js'
import type { Daemon, DaemonStatus, Info, Timeouts } from '../types.js'
import { addressToWire, INT_MAX, nameIn } from './common.js'

const fields = new Set(['state', 'interface', 'syncId', 'maxLength', 'group', 'port', 'ttl'])

export const daemonState = (state: unknown): WireDaemon => ({
  state: check.oneOf('state', state, abi.daemonStates),
})

export const daemonToWire = (daemon: Daemon): WireDaemon => {
  check.object('daemon', daemon)
  check.knownFields('daemon', daemon, fields)
  const { maxLength, group, port, ttl } = daemon
  return {
    ...daemonState(daemon.state),
    interface: check.name('interface', daemon.interface, 15),
    syncId: check.integer('syncId', daemon.syncId ?? 0, 0, 255),
    ...(maxLength === undefined ? {} : { maxLength: check.integer('maxLength', maxLength, 1, 0xffff) }),
    ...(group === undefined ? {} : groupToWire(group)),
    ...(port === undefined ? {} : { port: check.integer('port', port, 1, 0xffff) }),
    ...(ttl === undefined ? {} : { ttl: check.integer('ttl', ttl, 1, 255) }),
  }
}

const groupToWire = (group: string): WireDaemon => {
  const address = addressToWire('group', group)
  if (!isMulticast(address)) throw new RangeError(`group: ${group} is not a multicast address`)
  const bytes = bytesOf(address)
  return bytes.length === 4 ? { group: bytes } : { group6: bytes }
}

export const daemonFromWire = (wire: WireDaemon): DaemonStatus => {
  const group = groupFromWire(wire)
  return {
    state: (nameIn(abi.daemonStates, wire.state ?? 0) ?? 'master') as DaemonStatus['state'],
    interface: wire.interface ?? '',
    syncId: wire.syncId ?? 0,
    ...(wire.maxLength ? { maxLength: wire.maxLength } : {}),
    ...(group === undefined ? {} : { group }),
    ...(wire.port ? { port: wire.port } : {}),
    ...(wire.ttl ? { ttl: wire.ttl } : {}),
  }
}

const groupFromWire = ({ group, group6 }: WireDaemon): string | undefined => {
  if (group !== undefined && !isUnspecified(group)) return formatAddress(group, abi.AF_INET)
  return group6 === undefined ? undefined : formatAddress(group6, abi.AF_INET6)
}

const timeoutFields = new Set(['tcp', 'tcpFin', 'udp'])

/** What is absent or 0 is kept by the kernel; 0 is refused here because it reads as "off". */
export const timeoutsToWire = (timeouts: Partial<Timeouts>): WireMessage => {
  check.object('timeouts', timeouts)
  check.knownFields('timeouts', timeouts, timeoutFields)
  const seconds = (field: keyof Timeouts): number | undefined =>
    timeouts[field] === undefined ? undefined : check.integer(field, timeouts[field], 1, INT_MAX)
  return { timeoutTcp: seconds('tcp'), timeoutTcpFin: seconds('tcpFin'), timeoutUdp: seconds('udp') }
}

export const timeoutsFromWire = (wire: WireMessage): Timeouts => ({
  tcp: wire.timeoutTcp ?? 0,
  tcpFin: wire.timeoutTcpFin ?? 0,
  udp: wire.timeoutUdp ?? 0,
})

export const infoFromWire = (version: number, connectionTableSize = 0): Info => ({
  version: `${version >> 16}.${(version >> 8) & 0xff}.${version & 0xff}`,
  connectionTableSize,
})
