// Arguments of what changes links and addresses: each error names the field and the rule, before anything is changed.
// SPDX-License-Identifier: MIT

import {
  bytesOf,
  isLimitedBroadcast,
  isMapped,
  isMulticast,
  isUnspecified,
  parseAddress,
} from '../address.js'
import * as check from '../check.js'
import type { NetworkNamespace } from '../netlink/socket.js'

/** Of one machine or one link: nothing that neighbours or routers know. */
const isOwn = (bytes: Uint8Array): boolean => {
  const [first, second = 0] = bytes
  if (bytes.length === 4) return first === 127
  const isLinkLocal = first === 0xfe && (second & 0xc0) === 0x80
  return isLinkLocal || (bytes[15] === 1 && bytes.subarray(0, 15).every((byte) => byte === 0))
}

/** The bytes of an address that may be a VIP. */
export const unicast = (field: string, value: unknown): Uint8Array => {
  const address = typeof value === 'string' ? parseAddress(value) : undefined
  if (address === undefined) throw check.notAddress(field, value)
  if (isUnspecified(address) || isMulticast(address) || isLimitedBroadcast(address) || isMapped(address)) {
    throw new RangeError(`${field}: expected a unicast address, got ${value}`)
  }
  const bytes = bytesOf(address)
  if (isOwn(bytes)) throw new RangeError(`${field}: expected an address that others can reach, got ${value}`)
  return bytes
}

/** A name that the kernel takes for an interface. */
export const interfaceName = (field: string, value: unknown): string => {
  const name = check.name(field, value, 15)
  if (name === '.' || name === '..' || /[/:]/.test(name)) {
    throw new RangeError(`${field}: not a name of an interface: '${name}'`)
  }
  return name
}

/** As the option `netns` of every client. */
export const namespace = (value: unknown): NetworkNamespace | undefined =>
  value === undefined || typeof value === 'string' ? value : check.integer('netns', value, 0, 0x7fffffff)

/** Checks an object of options: its fields, and those that every call has. */
export const options = (field: string, value: unknown, known: ReadonlySet<string>): void => {
  check.object(field, value)
  check.knownFields(field, value as object, known)
}

export const signal = (value: AbortSignal | undefined): void => {
  if (value !== undefined && typeof value?.addEventListener !== 'function')
    throw new TypeError('signal: expected an AbortSignal')
}
