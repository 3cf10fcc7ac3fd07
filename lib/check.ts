// Argument checks: each names the field and the rule, before anything is sent.
// SPDX-License-Identifier: MIT

import { inspect } from 'node:util'
import { distance } from './nearest.js'
import type { WriteOptions } from './types.js'

/** The text of a value in an error, short and on one line. */
const show = (value: unknown): string =>
  inspect(value, { depth: 0, breakLength: Infinity, maxStringLength: 40 })

export const object = (field: string, value: unknown): void => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`${field}: expected an object, got ${show(value)}`)
  }
}

/** Refuses fields that nobody reads: a misspelt setting would be lost silently. */
export const knownFields = (field: string, value: object, known: ReadonlySet<string>): void => {
  for (const name in value) {
    if (!known.has(name)) throw new TypeError(`${field}: unknown field ${show(name)}${hint(name, known)}`)
  }
}

const hint = (name: string, known: ReadonlySet<string>): string => {
  const near = [...known].find((other) => distance(name.toLowerCase(), other.toLowerCase()) <= 2)
  return near === undefined ? `; known: ${[...known].join(', ')}` : `; did you mean ${near}?`
}

export const integer = (field: string, value: unknown, least: number, most: number): number => {
  if (typeof value !== 'number') throw new TypeError(`${field}: expected a number, got ${show(value)}`)
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${field}: expected an integer ${least}..${most}, got ${show(value)}`)
  }
  return value
}

export const boolean = (field: string, value: unknown): boolean => {
  if (typeof value !== 'boolean') throw new TypeError(`${field}: expected true or false, got ${show(value)}`)
  return value
}

/** Text of 1..most bytes without NUL or white space: names of schedulers, engines and interfaces. */
export const name = (field: string, value: unknown, most: number): string => {
  if (typeof value !== 'string') throw new TypeError(`${field}: expected a string, got ${show(value)}`)
  const length = Buffer.byteLength(value)
  if (length < 1 || length > most)
    throw new RangeError(`${field}: expected 1..${most} bytes, got ${show(value)}`)
  if (/[\s\0]/.test(value)) throw new RangeError(`${field}: white space or NUL in ${show(value)}`)
  return value
}

/** Looks a name up in a table of the ABI. */
export const oneOf = <T extends object>(field: string, value: unknown, table: T): T[keyof T] => {
  if (typeof value !== 'string' || !Object.hasOwn(table, value)) {
    throw new TypeError(`${field}: expected ${Object.keys(table).join(', ')}; got ${show(value)}`)
  }
  return table[value as keyof T]
}

export const notAddress = (field: string, value: unknown): Error =>
  typeof value === 'string'
    ? new RangeError(`${field}: not an IPv4 or IPv6 address without a zone: ${show(value)}`)
    : new TypeError(`${field}: expected an IP address in text, got ${show(value)}`)

export const noOptions: WriteOptions = {}
const optionFields = new Set(['signal', 'force'])

/** The last argument of every call. An AbortController in place of its signal is a common slip. */
export const callOptions = (options: WriteOptions = noOptions): WriteOptions => {
  if (options === noOptions) return noOptions
  object('options', options)
  knownFields('options', options, optionFields)
  const { signal, force } = options
  if (signal !== undefined && typeof signal?.addEventListener !== 'function') {
    throw new TypeError(`options.signal: expected an AbortSignal, got ${show(signal)}`)
  }
  if (force !== undefined) boolean('options.force', force)
  return options
}

/** As oneOf, or a number that the kernel may hold and nobody named, written `PREFIX-NUMBER`. */
export const oneOfOr = (
  field: string,
  value: unknown,
  table: Readonly<Record<string, number>>,
  prefix: string,
  most: number,
): number => {
  if (typeof value === 'string' && Object.hasOwn(table, value)) return table[value]!
  const number =
    typeof value === 'string' && value.startsWith(`${prefix}-`) ? value.slice(prefix.length + 1) : ''
  return /^\d{1,5}$/.test(number) ? integer(field, Number(number), 0, most) : oneOf(field, value, table)
}
