// Replies of the IPVS in memory, attribute by attribute in the order in which the kernel writes them.
// SPDX-License-Identifier: MIT

import * as abi from '../abi.js'
import {
  type AttributeSet,
  align4,
  type Codec,
  littleEndian,
  type Table,
  type Writer,
} from '../netlink/attr.js'
import type { Counters, DestinationEntry, ServiceEntry } from './table.js'

const NLA_HEADER = 4

const attribute = (out: Writer, id: number, body: (out: Writer) => void): void => {
  const start = out.reserve(NLA_HEADER)
  body(out)
  const length = out.length - start
  out.view.setUint16(start, length, littleEndian)
  out.view.setUint16(start + 2, id, littleEndian) // IPVS does not mark what is nested
  out.reserve(align4(length) - length)
}

/** The attributes of a set in the order of the value's fields; absent ones are left out. */
const fields = <T extends Table>(out: Writer, set: AttributeSet<T>, value: object): void => {
  for (const [name, item] of Object.entries(value)) {
    if (item === undefined) continue
    const [id, codec] = set.table[name]!
    attribute(out, id, (inner) => {
      if (codec.nested) fields(inner, codec as Codec<unknown> as AttributeSet<Table>, item)
      else codec.write(inner, item)
    })
  }
}

const narrow = (counter: bigint): number => Number(counter & 0xffffffffn)

const countersOf = (counters: Counters) => {
  const { conns, inPkts, outPkts } = counters
  return {
    stats: { ...counters, conns: narrow(conns), inPkts: narrow(inPkts), outPkts: narrow(outPkts) },
    stats64: counters,
  }
}

export const writeService = (out: Writer, entry: ServiceEntry): void => {
  const { family, fwmark, protocol, address, port, scheduler, engine, flags, timeout, netmask } = entry
  fields(out, abi.message, {
    service: {
      family,
      ...(fwmark === 0 ? { protocol, address, port } : { fwmark }),
      scheduler,
      engine: engine === '' ? undefined : engine,
      flags: { value: flags, mask: 0xffffffff },
      timeout,
      netmask,
      ...countersOf(entry.counters),
    },
  })
}

export const writeDestination = (out: Writer, entry: DestinationEntry): void => {
  const { address, port, forwarding, weight, tunnelType, tunnelPort, tunnelFlags } = entry
  const { upperThreshold, lowerThreshold, activeConns, inactiveConns, persistentConns, family } = entry
  fields(out, abi.message, {
    destination: {
      address,
      port,
      forwarding,
      weight,
      tunnelType,
      tunnelPort,
      tunnelFlags,
      upperThreshold,
      lowerThreshold,
      activeConns,
      inactiveConns,
      persistentConns,
      family,
      ...countersOf(entry.counters),
    },
  })
}

export const writeDaemon = (out: Writer, daemon: abi.WireDaemon): void => {
  const { state, interface: name, syncId, maxLength, port, ttl, group6, group } = daemon
  fields(out, abi.message, {
    daemon: { state, interface: name, syncId, maxLength, port, ttl, group6, group },
  })
}

export const writeTimeouts = (out: Writer, timeouts: abi.WireMessage): void =>
  fields(out, abi.message, timeouts)

export const writeInfo = (out: Writer, info: abi.WireInfo): void => fields(out, abi.info, info)
