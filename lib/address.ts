// IP addresses between text and the kernel's bytes.
// SPDX-License-Identifier: MIT

import { isIPv4, isIPv6 } from 'node:net'
import { AF_INET, AF_INET6 } from './abi.js'

const known = new Map<string, Uint8Array | undefined>()

/**
 * The bytes of an address in text, 4 or 16; undefined when it is none. Zone ids (fe80::1%eth0) are refused. Many calls
 * name the same few addresses, and typed arrays are dear: do not write to what this returns.
 */
export const parseAddress = (text: string): Uint8Array | undefined => {
  if (known.has(text)) return known.get(text)
  if (known.size >= 4096) known.clear()
  const bytes = parse(text)
  known.set(text, bytes)
  return bytes
}

const parse = (text: string): Uint8Array | undefined => {
  if (isIPv4(text)) return parseV4(text)
  if (isIPv6(text) && !text.includes('%')) return parseV6(text)
  return undefined
}

const parseV4 = (text: string): Uint8Array => {
  const bytes = new Uint8Array(4)
  let index = 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0) index++
    else bytes[index] = bytes[index]! * 10 + digit
  }
  return bytes
}

const parseV6 = (text: string): Uint8Array => {
  // A dotted tail is written as two groups first; then :: is as many zero groups as are missing.
  const dot = text.indexOf('.')
  if (dot >= 0) {
    const start = text.lastIndexOf(':') + 1
    const [a, b, c, d] = parseV4(text.slice(start))
    text = `${text.slice(0, start)}${((a! << 8) | b!).toString(16)}:${((c! << 8) | d!).toString(16)}`
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

/** Text of an address as the kernel returns it: 16 bytes of which IPv4 uses the first 4. */
export const formatAddress = (bytes: Uint8Array, family: number): string => {
  if (family === AF_INET) return `${bytes[0] ?? 0}.${bytes[1] ?? 0}.${bytes[2] ?? 0}.${bytes[3] ?? 0}`
  return formatV6(bytes)
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

export const familyOfBytes = (bytes: Uint8Array): number => (bytes.length === 4 ? AF_INET : AF_INET6)

export const isUnspecified = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

export const isMulticast = (bytes: Uint8Array): boolean =>
  bytes.length === 4 ? bytes[0]! >> 4 === 0xe : bytes[0] === 0xff

export const isLimitedBroadcast = (bytes: Uint8Array): boolean =>
  bytes.length === 4 && bytes.every((byte) => byte === 255)
