// IP addresses between text and the kernel's bytes.
// SPDX-License-Identifier: MIT

import { isIPv6 } from 'node:net'
import { type Address, AF_INET, AF_INET6 } from './abi.js'

const DOT = 46
const ZERO = 48

/**
 * An IPv4 address as a signed number, most significant byte first; undefined when the text is none. Strict: four
 * decimal numbers without leading zeros. Bulk loads are full of these, so nothing is allocated.
 */
const parseV4 = (text: string): number | undefined => {
  let address = 0
  let part = -1
  let dots = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === DOT) {
      if (part < 0) return undefined
      address = (address << 8) | part
      part = -1
      dots++
    } else {
      const digit = code - ZERO
      if (digit < 0 || digit > 9 || part === 0) return undefined
      part = part < 0 ? digit : part * 10 + digit
      if (part > 255) return undefined
    }
  }
  return dots === 3 && part >= 0 && text.length <= 15 ? (address << 8) | part : undefined
}

/** An address in text as the encoder takes it; undefined when it is none. Zone ids (fe80::1%eth0) are refused. */
export const parseAddress = (text: string): Address | undefined =>
  parseV4(text) ?? (isIPv6(text) && !text.includes('%') ? parseV6(text) : undefined)

/** The bytes of an address, 4 or 16. */
export const bytesOf = (address: Address): Uint8Array =>
  typeof address === 'number'
    ? Uint8Array.of(address >>> 24, address >>> 16, address >>> 8, address)
    : address

const parseV6 = (text: string): Uint8Array => {
  // A dotted tail is written as two groups first; then :: is as many zero groups as are missing.
  const dot = text.indexOf('.')
  if (dot >= 0) {
    const start = text.lastIndexOf(':') + 1
    const tail = parseV4(text.slice(start)) ?? 0
    text = `${text.slice(0, start)}${(tail >>> 16).toString(16)}:${(tail & 0xffff).toString(16)}`
  }
  const [head, tail] = text.split('::') as [string, string | undefined]
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const bytes = new Uint8Array(16)
  const put = (group: string, at: number): void => {
    const value = Number.parseInt(group, 16)
    bytes[2 * at] = value >> 8
    bytes[2 * at + 1] = value & 0xff
  }
  for (const [i, group] of left.entries()) put(group, i)
  for (const [i, group] of right.entries()) put(group, 8 - right.length + i)
  return bytes
}

/** Text of an address; of bytes, IPv4 uses the first 4 (the kernel returns 16). */
export const formatAddress = (address: Address, family: number): string => {
  if (typeof address === 'number')
    return `${address >>> 24}.${(address >> 16) & 255}.${(address >> 8) & 255}.${address & 255}`
  if (family === AF_INET) return `${address[0] ?? 0}.${address[1] ?? 0}.${address[2] ?? 0}.${address[3] ?? 0}`
  return formatV6(address)
}

/** RFC 5952: lower case, the longest run of two or more zero groups (the first of equals) as `::`. */
const formatV6 = (bytes: Uint8Array): string => {
  const groups: number[] = []
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0))
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${formatAddress(bytes.subarray(12), AF_INET)}`
  }
  let start = -1
  let length = 1
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && groups[end] === 0) end++
    if (end - i > length) {
      start = i
      length = end - i
    }
    i = Math.max(i, end - 1)
  }
  const hex = groups.map((group) => group.toString(16))
  if (start < 0) return hex.join(':')
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`
}

export const familyOf = (address: Address): number =>
  typeof address === 'number' || address.length === 4 ? AF_INET : AF_INET6

export const isUnspecified = (address: Address): boolean =>
  typeof address === 'number' ? address === 0 : address.every((byte) => byte === 0)

export const isMulticast = (address: Address): boolean =>
  typeof address === 'number' ? address >>> 28 === 0xe : address[0] === 0xff

export const isLimitedBroadcast = (address: Address): boolean => address === -1

/** ::ffff:0:0/96 */
export const isMapped = (address: Address): boolean =>
  typeof address !== 'number' &&
  address[10] === 0xff &&
  address[11] === 0xff &&
  address.subarray(0, 10).every((byte) => byte === 0)
