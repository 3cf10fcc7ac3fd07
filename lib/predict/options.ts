// What predict() is told about scheduler and service: names and options become numbers.
// SPDX-License-Identifier: MIT

import type { WireService } from '../abi.js'
import * as check from '../check.js'
import { schedulerFlagBits, serviceKey } from '../model/service.js'
import type { PredictableScheduler, PredictOptions } from './types.js'

/** As native/predict.h numbers them. */
export const schedulers = { hrw: 0, msh: 1, maglev: 2, sh: 3, mh: 4 } as const

const load = 'goes by the connections that servers have at the moment'
const turns = 'takes servers in turn'
const others: Readonly<Record<string, string>> = {
  rr: turns,
  wrr: turns,
  lc: load,
  wlc: load,
  sed: load,
  nq: load,
  ovf: load,
  fo: 'sends every client to the server with the highest weight that is not overloaded',
  dh: 'hashes the address that clients connect to, not their own: an address service has one server at a time',
  lblc: 'remembers which server an address that clients connect to had, and goes by load',
  lblcr: 'remembers which servers an address that clients connect to had, and goes by load',
  twos: 'compares two servers at random',
  none: 'refuses every client',
}

export const schedulerNumber = (value: PredictableScheduler): number => {
  const reason = typeof value === 'string' && Object.hasOwn(others, value) ? others[value] : undefined
  if (reason !== undefined) {
    throw new TypeError(`scheduler: ${value} cannot be predicted: it ${reason}; msh, maglev, hrw, sh, mh can`)
  }
  return check.oneOf('scheduler', value, schedulers)
}

interface Sizes {
  readonly initial: number
  readonly rule: string
  readonly allows: (size: number) => boolean
}

const isPowerOfTwo = (size: number): boolean => Number.isInteger(Math.log2(size))

const isPrime = (size: number): boolean => {
  for (let i = 2; i * i <= size; i++) if (size % i === 0) return false
  return size > 1
}

const mhSizes = [251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071]

const sizes: Readonly<Record<Exclude<PredictableScheduler, 'hrw'>, Sizes>> = {
  msh: {
    initial: 1 << 15,
    rule: 'a power of two 256..1048576',
    allows: (size) => isPowerOfTwo(size) && size >= 1 << 8 && size <= 1 << 20,
  },
  maglev: {
    initial: 16381,
    rule: 'a prime 251..131071',
    allows: (size) => size >= 251 && size <= 131071 && isPrime(size),
  },
  sh: {
    initial: 1 << 8,
    rule: 'a power of two 16..1048576',
    allows: (size) => isPowerOfTwo(size) && size >= 1 << 4 && size <= 1 << 20,
  },
  mh: { initial: 4093, rule: `one of ${mhSizes.join(', ')}`, allows: (size) => mhSizes.includes(size) },
}

const tableSize = (scheduler: PredictableScheduler, value: number | undefined): number => {
  if (scheduler === 'hrw') {
    if (value !== undefined) throw new RangeError('options.tableSize: hrw has no table')
    return 0
  }
  const { initial, rule, allows } = sizes[scheduler]
  if (value === undefined) return initial
  const size = check.integer('options.tableSize', value, 0, 1 << 20)
  if (!allows(size)) throw new RangeError(`options.tableSize: ${scheduler} has ${rule}; got ${size}`)
  return size
}

const seedOf = (scheduler: PredictableScheduler, value: bigint | number | undefined): bigint => {
  if (value === undefined) return 0n
  if (scheduler === 'sh' || scheduler === 'mh') throw new RangeError(`options.seed: ${scheduler} has none`)
  if (typeof value === 'number')
    return BigInt(check.integer('options.seed', value, 0, Number.MAX_SAFE_INTEGER))
  if (typeof value !== 'bigint') throw new TypeError('options.seed: expected a bigint or a number')
  if (BigInt.asUintN(64, value) !== value)
    throw new RangeError(`options.seed: expected 0..2^64-1, got ${value}`)
  return value
}

const flagsOf = ({ schedulerFlags, service }: PredictOptions): number => {
  const flags = schedulerFlags ?? service?.schedulerFlags ?? []
  if (!Array.isArray(flags)) throw new TypeError('options.schedulerFlags: expected an array of flag names')
  return flags.reduce(
    (value: number, flag) => value | check.oneOf('options.schedulerFlags', flag, schedulerFlagBits),
    0,
  )
}

const optionFields = new Set(['service', 'schedulerFlags', 'seed', 'tableSize'])

export interface Terms {
  readonly scheduler: number
  readonly size: number
  readonly seed: bigint
  readonly service: WireService | undefined
  readonly usesPort: boolean
  readonly fallsBack: boolean
}

export const readOptions = (scheduler: PredictableScheduler, options: PredictOptions): Terms => {
  const number = schedulerNumber(scheduler)
  check.object('options', options)
  check.knownFields('options', options, optionFields)
  const flags = flagsOf(options)
  return {
    scheduler: number,
    size: tableSize(scheduler, options.tableSize),
    seed: seedOf(scheduler, options.seed),
    service: options.service === undefined ? undefined : serviceKey(options.service),
    usesPort: (flags & schedulerFlagBits.port) !== 0,
    fallsBack: (flags & schedulerFlagBits.fallback) !== 0,
  }
}
