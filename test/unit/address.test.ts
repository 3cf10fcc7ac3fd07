// Addresses between text and bytes, against Node's own URL parser.
// SPDX-License-Identifier: MIT

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AF_INET, AF_INET6 } from '../../lib/abi.ts'
import { bytesOf, formatAddress, isMulticast, isUnspecified, parseAddress } from '../../lib/address.ts'

const bytes16 = fc
  .tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(0xff), fc.nat(0xff))
  // Runs of zero groups are what the short form is about: blank out some groups.
  .map(([bytes, mask]) => bytes.map((byte, i) => ((mask >> (i >> 1)) & 1 ? byte : 0)))

test('IPv6 text and back, in the form of RFC 5952', () => {
  fc.assert(
    fc.property(bytes16, (bytes) => {
      const text = formatAddress(bytes, AF_INET6)
      expect(parseAddress(text)).toEqual(bytes)
      if (!text.includes('.')) expect(`[${text}]`).toBe(new URL(`http://[${text}]`).hostname)
    }),
    { numRuns: 5000 },
  )
})

test('IPv4 text and back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) => {
      expect(bytesOf(parseAddress(formatAddress(bytes, AF_INET))!)).toEqual(bytes)
    }),
  )
})

test.each([
  ['::', '::'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
])('%s is %s', (text, canonical) => {
  expect(formatAddress(parseAddress(text)!, AF_INET6)).toBe(canonical)
})

test.each(['', '1.2.3', '1.2.3.256', '01.2.3.4', '1.2.3.4 ', ':::', 'fe80::1%eth0', '12345::', 'localhost'])(
  'refuses %j',
  (text) => {
    expect(parseAddress(text)).toBeUndefined()
  },
)

test('kinds of addresses', () => {
  expect(['224.0.0.1', '239.255.255.255', 'ff02::1'].map((text) => isMulticast(parseAddress(text)!))).toEqual(
    [true, true, true],
  )
  expect(['223.255.255.255', '240.0.0.1', 'fe00::'].some((text) => isMulticast(parseAddress(text)!))).toBe(
    false,
  )
  expect(['0.0.0.0', '::'].every((text) => isUnspecified(parseAddress(text)!))).toBe(true)
  expect(['0.0.0.1', '::1'].some((text) => isUnspecified(parseAddress(text)!))).toBe(false)
})
