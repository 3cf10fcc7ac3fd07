// What services, real servers and daemons share between the public shape and the kernel's.
// SPDX-License-Identifier: MIT

import type { WireStats, WireStats64 } from '../abi.js'
import * as abi from '../abi.js'
import { familyOfBytes, formatAddress, parseAddress } from '../address.js'
import { notAddress, oneOf } from '../check.js'
import type { Family, Stats } from '../types.js'

export const INT_MAX = 0x7fffffff
export const UINT_MAX = 0xffffffff

/** The name under which a table of the ABI has a number. */
export const nameIn = (table: Readonly<Record<string, number>>, value: number): string | undefined =>
  Object.keys(table).find((name) => table[name] === value)

/** The bytes of an address; `family` is checked where it is named, for the text alone says it. */
export const addressToWire = (field: string, value: unknown, family?: Family | undefined): Uint8Array => {
  const bytes = typeof value === 'string' ? parseAddress(value) : undefined
  if (bytes === undefined) throw notAddress(field, value)
  if (family !== undefined && oneOf('family', family, families) !== familyOfBytes(bytes)) {
    throw new RangeError(`family: ${value} is not of ${family}`)
  }
  return bytes
}

export const families = { ipv4: abi.AF_INET, ipv6: abi.AF_INET6 } as const
export const familyName = (family: number | undefined): Family => (family === abi.AF_INET6 ? 'ipv6' : 'ipv4')

export const hostPort = (
  bytes: Uint8Array | undefined,
  family: number | undefined,
  port: number | undefined,
): string => {
  const host = formatAddress(bytes ?? new Uint8Array(16), family ?? abi.AF_INET)
  return family === abi.AF_INET6 ? `[${host}]:${port ?? 0}` : `${host}:${port ?? 0}`
}

export const statsFromWire = (wide: WireStats64 | undefined, narrow: WireStats | undefined): Stats => {
  const counters = wide ?? narrow ?? {}
  return {
    conns: BigInt(counters.conns ?? 0),
    inPkts: BigInt(counters.inPkts ?? 0),
    outPkts: BigInt(counters.outPkts ?? 0),
    inBytes: BigInt(counters.inBytes ?? 0),
    outBytes: BigInt(counters.outBytes ?? 0),
    cps: Number(counters.cps ?? 0),
    inPps: Number(counters.inPps ?? 0),
    outPps: Number(counters.outPps ?? 0),
    inBps: Number(counters.inBps ?? 0),
    outBps: Number(counters.outBps ?? 0),
  }
}
