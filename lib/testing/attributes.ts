// Attributes of a request as the kernel takes them: its policies for services, real servers and daemons.
// SPDX-License-Identifier: MIT

import { daemon, destination, service } from '../abi.js'
import { type AttributeSet, align4, littleEndian, type Of, type Table } from '../netlink/attr.js'

const NLA_HEADER = 4
const NLA_TYPE_MASK = 0x3fff

/** What the kernel in memory would have to guess. It says so instead of answering with an errno. */
export const notModelled = (what: string): Error =>
  Object.assign(new Error(`ipvs/testing: ${what} is not modelled; test this on a real kernel`), {
    code: 'ERR_IPVS_NOT_MODELLED',
  })

/** Payloads by attribute id, the last one where an id is repeated; what does not fit is not looked at, as in the kernel. */
export const attributesIn = (bytes: Uint8Array): ReadonlyMap<number, Uint8Array> => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const found = new Map<number, Uint8Array>()
  for (let at = 0; at + NLA_HEADER <= bytes.length; ) {
    const size = view.getUint16(at, littleEndian)
    if (size < NLA_HEADER || at + size > bytes.length) break
    found.set(
      view.getUint16(at + 2, littleEndian) & NLA_TYPE_MASK,
      bytes.subarray(at + NLA_HEADER, at + size),
    )
    at += align4(size)
  }
  return found
}

/** The payload as it is read, undefined when the policy refuses it. */
type Rule = (payload: Uint8Array, name: string) => Uint8Array | undefined

const fixed =
  (size: number): Rule =>
  (payload, name) => {
    if (payload.length > size) throw notModelled(`${name} of ${payload.length} bytes instead of ${size}`)
    return payload.length < size ? undefined : payload
  }

/** Shorter ones are filled up with zeros. */
const upTo =
  (size: number): Rule =>
  (payload) => {
    if (payload.length > size) return undefined
    const filled = new Uint8Array(size)
    filled.set(payload)
    return filled
  }

/** Text of at most so many bytes with a NUL behind them. */
const terminated =
  (most: number): Rule =>
  (payload) => {
    if (!payload.subarray(0, most + 1).includes(0)) return undefined
    const length = payload.at(-1) === 0 ? payload.length - 1 : payload.length
    return length > most ? undefined : payload
  }

/** In replies only: in a request the kernel passes over it. */
const passedOver: Rule = () => new Uint8Array(0)

type Rules<T extends Table> = { readonly [K in keyof T]: Rule }

const reader = <T extends Table>(what: string, set: AttributeSet<T>, rules: Rules<T>, explained = false) => {
  return (bytes: Uint8Array): Of<T> | undefined => {
    const found: Record<string, unknown> = {}
    for (const [id, given] of attributesIn(bytes)) {
      const name = set.nameOf(id)
      if (name === undefined) throw notModelled(`attribute ${id} of a ${what}`)
      const rule = rules[name]!
      const payload = rule(given, `attribute ${name} of a ${what}`)
      if (payload === undefined && explained)
        throw notModelled(`what the kernel says of ${name} of a ${what}`)
      if (payload === undefined) return undefined
      if (rule === passedOver) continue
      const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
      found[name] = set.table[name]![1].read(view, 0, payload.length)
    }
    return found as Of<T>
  }
}

/** Each reads what is nested in its top-level attribute; undefined when the policy refuses any of it. */
export const readService = reader('service', service, {
  family: fixed(2),
  protocol: fixed(2),
  address: upTo(16),
  port: fixed(2),
  fwmark: fixed(4),
  scheduler: terminated(15),
  flags: upTo(8),
  timeout: fixed(4),
  netmask: fixed(4),
  stats: passedOver,
  engine: terminated(16),
  stats64: passedOver,
})

export const readDestination = reader('destination', destination, {
  address: upTo(16),
  port: fixed(2),
  forwarding: fixed(4),
  weight: fixed(4),
  upperThreshold: fixed(4),
  lowerThreshold: fixed(4),
  activeConns: passedOver,
  inactiveConns: passedOver,
  persistentConns: passedOver,
  stats: passedOver,
  family: fixed(2),
  stats64: passedOver,
  tunnelType: fixed(1),
  tunnelPort: fixed(2),
  tunnelFlags: fixed(2),
})

const daemonRules = {
  state: fixed(4),
  interface: terminated(15),
  syncId: fixed(4),
  maxLength: fixed(2),
  group: fixed(4),
  group6: fixed(16),
  port: fixed(2),
  ttl: fixed(1),
}

/** Of daemons alone the kernel says in words what its policy refuses. */
export const readDaemon = reader('daemon', daemon, daemonRules, true)
