// Real servers as the schedulers compare them: keys, weights and order.
// SPDX-License-Identifier: MIT

import { AF_INET } from '../abi.js'
import { bytesOf, familyOf } from '../address.js'
import * as check from '../check.js'
import { addressToWire, hostPort, INT_MAX } from '../model/common.js'
import { destinationFields } from '../model/destination.js'
import { schedulers, type Terms } from './options.js'
import type { PredictableDestination } from './types.js'

interface Server {
  /** In the caller's list. */
  readonly index: number
  /** `10.0.0.2:80`. */
  readonly name: string
  readonly bytes: Uint8Array
  readonly port: number
  /** That slots are filled by. */
  readonly weight: number
  /** It may own slots but takes no client. */
  readonly unusable: boolean
}

/** In the order that the scheduler fills its slots by. */
export interface Servers {
  readonly order: Int32Array
  readonly names: readonly string[]
  readonly keys: Uint32Array
  readonly weights: Uint32Array
  /** A byte for each; empty if every server takes clients. */
  readonly unusable: Uint8Array
}

/** So many have an index that is not the one for none. */
const MOST = 0xfffe

const fields = new Set([...destinationFields, 'lastWeight', 'overloaded'])

const readServer = (value: PredictableDestination, index: number, terms: Terms): Server => {
  const field = `destinations[${index}]`
  check.object(field, value)
  check.knownFields(field, value, fields)
  const { address, family, weight: now = 1, lastWeight = 0, overloaded = false } = value
  const port = value.port ?? terms.service?.port ?? (terms.service === undefined ? undefined : 0)
  const wire = addressToWire(`${field}.address`, address, family)
  const server = {
    index,
    bytes: bytesOf(wire),
    port: check.integer(`${field}.port`, port, 0, 0xffff),
    unusable: check.boolean(`${field}.overloaded`, overloaded),
  }
  const name = hostPort(wire, familyOf(wire), server.port)
  const weight = check.integer(`${field}.weight`, now, 0, INT_MAX)
  const before = check.integer(`${field}.lastWeight`, lastWeight, 0, INT_MAX)
  if (terms.scheduler !== schedulers.sh && terms.scheduler !== schedulers.mh)
    return { ...server, name, weight }
  return {
    ...server,
    name,
    weight: terms.scheduler === schedulers.mh && weight === 0 ? before : weight,
    unusable: server.unusable || weight === 0,
  }
}

/** By family, address, port, as the contract in kmod/ipvs_sched.h says. */
const compare = (a: Server, b: Server): number =>
  a.bytes.length - b.bytes.length || Buffer.compare(a.bytes, b.bytes) || a.port - b.port

/** mh reads every server's address as if it had the family of the service. */
const encodeKeys = (servers: readonly Server[], serviceFamily: number | undefined): Uint32Array => {
  const keys = new Uint32Array(6 * servers.length)
  for (const [i, { bytes, port }] of servers.entries()) {
    const family = serviceFamily ?? familyOf(bytes)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    keys[6 * i] = family === AF_INET ? 4 : 6
    for (let word = 0; 4 * word < bytes.length; word++) keys[6 * i + 1 + word] = view.getUint32(4 * word)
    keys[6 * i + 5] = port
  }
  return keys
}

const refuseTwins = (servers: readonly Server[]): void => {
  const seen = new Map<string, number>()
  for (const { name, index } of servers) {
    const twin = seen.get(name)
    if (twin !== undefined) {
      throw new RangeError(`destinations[${index}]: ${name} is destinations[${twin}] already`)
    }
    seen.set(name, index)
  }
}

/** `family` is that of the service. */
export const readServers = (
  destinations: readonly PredictableDestination[],
  terms: Terms,
): { readonly servers: Servers; readonly family: number } => {
  if (!Array.isArray(destinations)) throw new TypeError('destinations: expected an array')
  if (destinations.length > MOST) {
    throw new RangeError(`destinations: ${destinations.length} are more than ${MOST}`)
  }
  const { scheduler, size } = terms
  const servers = destinations.map((destination, index) => readServer(destination, index, terms))
  refuseTwins(servers)
  const first = servers[0]
  const family = terms.service?.family ?? (first === undefined ? AF_INET : familyOf(first.bytes))
  if (scheduler === schedulers.mh && servers.length > size) {
    throw new RangeError(
      `destinations: mh has ${size} slots; with more servers the kernel keeps an older table`,
    )
  }
  if (scheduler !== schedulers.sh && scheduler !== schedulers.mh) servers.sort(compare)
  return {
    family,
    servers: {
      order: Int32Array.from(servers, ({ index }) => index),
      names: servers.map(({ name }) => name),
      keys: encodeKeys(servers, scheduler === schedulers.mh ? family : undefined),
      weights: Uint32Array.from(servers, ({ weight }) => weight),
      unusable: servers.some(({ unusable }) => unusable)
        ? Uint8Array.from(servers, ({ unusable }) => Number(unusable))
        : new Uint8Array(),
    },
  }
}
