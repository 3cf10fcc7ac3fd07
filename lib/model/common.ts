// What services, real servers and daemons share between the public shape and the kernel's.
// SPDX-License-Identifier: MIT

import type { Address, WireStats, WireStats64 } from '../abi.js'
import * as abi from '../abi.js'
import { familyOf, formatAddress, parseAddress } from '../address.js'
import { notAddress, oneOf } from '../check.js'
import type { Family, Stats } from '../types.js'

export const INT_MAX = 0x7fffffff
export const UINT_MAX = 0xffffffff

const namesOf = new WeakMap<object, readonly string[]>()

/** The name under which a table of the ABI has a number. */
export const nameIn = (table: Readonly<Record<string, number>>, value: number): string | undefined => {
  let names = namesOf.get(table)
  if (names === undefined) {
    const made: string[] = []
    for (const [name, number] of Object.entries(table)) made[number] = name
    namesOf.set(table, made)
    names = made
  }
  return names[value]
}

/** An address for the kernel; `family` is checked where it is named, for the text alone says it. */
export const addressToWire = (field: string, value: unknown, family?: Family | undefined): Address => {
  const address = typeof value === 'string' ? parseAddress(value) : undefined
  if (address === undefined) throw notAddress(field, value)
  if (family !== undefined && oneOf('family', family, families) !== familyOf(address)) {
    throw new RangeError(`family: ${value} is not of ${family}`)
  }
  return address
}

export const families = { ipv4: abi.AF_INET, ipv6: abi.AF_INET6 } as const
export const familyName = (family: number | undefined): Family => (family === abi.AF_INET6 ? 'ipv6' : 'ipv4')

/** Stands in where the kernel left an address out. */
export const nowhere = new Uint8Array(16)

export const hostPort = (
  address: Address | undefined,
  family: number | undefined,
  port: number | undefined,
): string => {
  const host = formatAddress(address ?? nowhere, family ?? abi.AF_INET)
  return family === abi.AF_INET6 ? `[${host}]:${port ?? 0}` : `${host}:${port ?? 0}`
}

/** An object of its own: readings that are made once for several callers share what is read. */
export const statsFromWire = (wide: WireStats64 | undefined, narrow: WireStats | undefined): Stats =>
  wide === undefined ? toStats(narrow ?? {}) : toStats(wide)

const toStats = (counters: WireStats | WireStats64): Stats => ({
  conns: big(counters.conns),
  inPkts: big(counters.inPkts),
  outPkts: big(counters.outPkts),
  inBytes: big(counters.inBytes),
  outBytes: big(counters.outBytes),
  cps: counters.cps ?? 0,
  inPps: counters.inPps ?? 0,
  outPps: counters.outPps ?? 0,
  inBps: counters.inBps ?? 0,
  outBps: counters.outBps ?? 0,
})

const big = (counter: number | bigint | undefined): bigint =>
  typeof counter === 'bigint' ? counter : BigInt(counter ?? 0)
