// Addresses, ports and numbers as the lines of ipvsadm have them.
// SPDX-License-Identifier: MIT

import { parseAddress } from '../address.js'
import type { Protocol } from '../types.js'
import { LineError } from './scan.js'
import { portOf } from './services-file.js'

/** The IPv4 address of a host name; undefined if there is none. */
export type HostLookup = (name: string) => string | undefined

export interface Endpoint {
  readonly address: string
  readonly port: number
}

/** A decimal number, as strtol() would read it all. */
export const decimal = (text: string, least: number, most: number): number | undefined => {
  const number = digits(text) ?? (/^\s*[+-]?\d+$/.test(text) ? Number(text) : NaN)
  return number >= least && number <= most ? number + 0 : undefined
}

/** Nearly all numbers are up to nine digits and nothing else. */
const digits = (text: string): number | undefined => {
  if (text.length === 0 || text.length > 9) return undefined
  let number = 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return undefined
    number = number * 10 + digit
  }
  return number
}

export const needNumber = (option: string, text: string, least: number, most: number): number => {
  const number = decimal(text, least, most)
  if (number === undefined) throw new LineError(`${option} ${text}: expected a number ${least} to ${most}`)
  return number
}

const part = (text: string): number => {
  if (/^0[xX][\da-fA-F]+$/.test(text)) return Number.parseInt(text, 16)
  if (/^0[0-7]*$/.test(text)) return Number.parseInt(text, 8)
  return /^[1-9]\d*$/.test(text) ? Number(text) : NaN
}

/** IPv4 as inet_aton() reads it: up to three parts may be left out (10.1), and each be octal or hexadecimal. */
export const looseAddress = (text: string): string | undefined => {
  if (isV4(text)) return text
  const parts = text.split('.').map(part)
  const last = parts.pop()!
  const room = 2 ** (8 * (4 - parts.length))
  if (parts.length > 3 || !(last < room) || !parts.every((byte) => byte < 256)) return undefined
  const number = parts.reduce((sum, byte, i) => sum + byte * 2 ** (24 - 8 * i), last)
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.')
}

const isV4 = (text: string): boolean => typeof parseAddress(text) === 'number'
const isV6 = (text: string): boolean => text.includes(':') && parseAddress(text) !== undefined

const addressOf = (text: string, host: HostLookup): string | undefined => {
  if (parseAddress(text) !== undefined) return text
  if (text === '' || /^\d+$/.test(text)) return undefined
  return looseAddress(text) ?? (/^[A-Za-z\d]([\w.-]*\w)?\.?$/.test(text) ? host(text) : undefined)
}

/**
 * `192.0.2.10:80`, `[2001:db8::1]:80`, either without port (it is `defaultPort` then), the IPv6 address then also without
 * brackets; a name of /etc/hosts or DNS for an IPv4 address, and one of /etc/services for the port.
 */
export const parseEndpoint = (
  option: string,
  text: string,
  protocol: Protocol | undefined,
  host: HostLookup,
  defaultPort = 0,
): Endpoint => {
  const bracket = text.charCodeAt(0) === 91 ? text.indexOf(']') : -1
  let address: string | undefined
  let rest = ''
  if (bracket > 0) {
    const inside = text.slice(1, bracket)
    address = isV6(inside) ? inside : undefined
    rest = text.slice(bracket + 1)
  } else {
    const last = text.lastIndexOf(':')
    const colon = last !== text.indexOf(':') && isV6(text) ? -1 : last
    address = addressOf(colon < 0 ? text : text.slice(0, colon), host)
    rest = colon < 0 ? '' : text.slice(colon)
  }
  if (address === undefined) throw new LineError(`${option} ${text}: not address[:port], nor a known host`)
  if (rest === '') return { address, port: defaultPort }
  const name = rest.slice(1)
  const port = rest.startsWith(':') ? (decimal(name, 0, 65535) ?? portOf(name, protocol)) : undefined
  if (port === undefined) {
    throw new LineError(`${option} ${text}: expected a port 0 to 65535, or its name in /etc/services`)
  }
  return { address, port }
}
