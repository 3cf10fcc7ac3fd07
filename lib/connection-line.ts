// A line of /proc/net/ip_vs_conn: its words, what a filter wants of them, and the connection that they make.
// SPDX-License-Identifier: MIT

import { AF_INET6 } from './abi.js'
import { bytesOf, formatAddress, parseAddress } from './address.js'
import type { Family, ForeignProtocol, Protocol } from './types.js'

/** An end of a connection. */
export interface ConnectionEndpoint {
  /** IPv4, or IPv6 in the form of RFC 5952. */
  readonly address: string
  /** 0..65535; 0 where there is none. */
  readonly port: number
}

/** An entry of the director's table of connections. */
export interface Connection {
  /** `ip` where there is none: templates of a firewall mark. */
  readonly protocol: Protocol | 'ip' | 'ah' | 'esp' | 'icmp' | 'icmpv6' | ForeignProtocol
  /** Of client and virtual address; that of the real server may differ when tunneling. */
  readonly family: Family
  /** Of a template: the client's network, as the netmask of persistence cuts it, and port 0. */
  readonly client: ConnectionEndpoint
  /** Where the client connects to. Of a template without a port: port 0. */
  readonly virtual: ConnectionEndpoint
  /** The real server. */
  readonly destination: ConnectionEndpoint
  /** As the kernel writes it: `ESTABLISHED`, `SYN_RECV`, `UDP` …; of templates `NONE` or (since Linux 4.19) `ASSURED`. */
  readonly state: string
  /** Seconds until the entry expires if no packet comes. */
  readonly expires: number
  /** A template of persistence: it is no connection, but sends those of its clients to one real server. */
  readonly template: boolean
  /** Of a template of a firewall mark. What mark another connection came by the kernel does not say. */
  readonly fwmark?: number
  /** The persistence engine, such as `sip`, which goes by the Call-ID. */
  readonly engine?: string
  /** What the persistence engine goes by; a character for each byte. */
  readonly engineData?: string
  /** Only with `origin: true`: made here, or by another director and synchronised to this one. */
  readonly origin?: 'local' | 'synchronised'
}

/** The columns, by their place. Then follow expires, engine and engine's data; or origin and expires. */
const PROTOCOL = 0
const CLIENT = 1
const VIRTUAL = 3
const DESTINATION = 5
const STATE = 7
const NEXT = 8
const LAST = 10

/** Where the words of a line begin and end: word i from `[2 * i]` to `[2 * i + 1]`; the last is the rest of the line. */
export type Words = Int32Array
export const newWords = (): Words => new Int32Array(2 * (LAST + 1))

const SPACE = 32

/** Finds the words of the line from `start` to `end`; returns how many. */
export const splitLine = (bytes: Buffer, start: number, end: number, words: Words): number => {
  let count = 0
  let i = start
  while (count <= LAST) {
    while (i < end && bytes[i] === SPACE) i++
    if (i === end) break
    words[2 * count] = i
    if (count === LAST) i = end
    else while (i < end && bytes[i] !== SPACE) i++
    words[2 * count + 1] = i
    count++
  }
  return count
}

/** The value of a hexadecimal digit by its character. */
const digits = new Uint8Array(256)
for (let i = 0; i < 16; i++) {
  digits[i.toString(16).charCodeAt(0)] = i
  digits[i.toString(16).toUpperCase().charCodeAt(0)] = i
}

const hex = (bytes: Buffer, from: number, to: number): number => {
  let value = 0
  for (let i = from; i < to; i++) value = (value << 4) | digits[bytes[i]!]!
  return value
}

const V4 = 8
const V6 = 39
const six = new Uint8Array(16)

const addressAt = (bytes: Buffer, from: number, to: number): string => {
  if (to - from === V4) return formatAddress(hex(bytes, from, to), 0)
  for (let group = 0; group < 8; group++) {
    const at = from + 5 * group
    six[2 * group] = hex(bytes, at, at + 2)
    six[2 * group + 1] = hex(bytes, at + 2, at + 4)
  }
  return formatAddress(six, AF_INET6)
}

/** Services and servers are few and stand in every line: their texts are made once, up to so many. */
const REMEMBERED = 4096
const texts = new Map<string, string>()

const rememberedAddress = (bytes: Buffer, from: number, to: number): string => {
  const key = bytes.toString('latin1', from, to)
  const known = texts.get(key)
  if (known !== undefined) return known
  if (texts.size === REMEMBERED) texts.clear()
  const text = addressAt(bytes, from, to)
  texts.set(key, text)
  return text
}

/** Ours and the kernel's names of protocols. */
export const protocolNames: Readonly<Record<string, string>> = {
  ip: 'IP',
  tcp: 'TCP',
  udp: 'UDP',
  sctp: 'SCTP',
  ah: 'AH',
  esp: 'ESP',
  icmp: 'ICMP',
  icmpv6: 'ICMPv6',
}
const protocols = new Map(
  Object.entries(protocolNames).map(([ours, theirs]) => [theirs, ours as Connection['protocol']]),
)

/** `TCP`; of a protocol without a name `IP_47`. */
export const kernelProtocol = (protocol: string): string =>
  protocolNames[protocol] ?? protocol.replace('protocol-', 'IP_')

const protocolAt = (bytes: Buffer, words: Words): Connection['protocol'] => {
  const word = bytes.toString('latin1', words[0], words[1])
  return protocols.get(word) ?? (word.replace('IP_', 'protocol-') as ForeignProtocol)
}

const numberAt = (bytes: Buffer, words: Words, word: number): number => {
  let value = 0
  for (let i = words[2 * word]!; i < words[2 * word + 1]!; i++) {
    const digit = bytes[i]! - 48
    if (digit < 0 || digit > 9) return NaN
    value = value * 10 + digit
  }
  return value
}

const isWide = (words: Words, word: number): boolean => {
  const length = words[2 * word + 1]! - words[2 * word]!
  return length === V4 || length === V6
}

const textAt = (bytes: Buffer, words: Words, word: number): string =>
  bytes.toString('latin1', words[2 * word], words[2 * word + 1])

const portAt = (bytes: Buffer, words: Words, address: number): number =>
  hex(bytes, words[2 * address + 2]!, words[2 * address + 3]!)

/** The connection that these words are; undefined if the line is not of the kernel's format. */
export const connectionOf = (
  bytes: Buffer,
  words: Words,
  count: number,
  origin: boolean,
): Connection | undefined => {
  const expiry = origin ? NEXT + 1 : NEXT
  const expires = count > expiry ? numberAt(bytes, words, expiry) : NaN
  if (
    Number.isNaN(expires) ||
    !isWide(words, CLIENT) ||
    !isWide(words, VIRTUAL) ||
    !isWide(words, DESTINATION)
  )
    return undefined
  const protocol = protocolAt(bytes, words)
  const clientPort = portAt(bytes, words, CLIENT)
  const isIpv6 = words[2 * CLIENT + 1]! - words[2 * CLIENT]! === V6
  const state = textAt(bytes, words, STATE)
  const connection: Connection = {
    protocol,
    family: isIpv6 ? 'ipv6' : 'ipv4',
    client: {
      address: addressAt(bytes, words[2 * CLIENT]!, words[2 * CLIENT + 1]!),
      port: clientPort,
    },
    virtual: {
      address: rememberedAddress(bytes, words[2 * VIRTUAL]!, words[2 * VIRTUAL + 1]!),
      port: portAt(bytes, words, VIRTUAL),
    },
    destination: {
      address: rememberedAddress(bytes, words[2 * DESTINATION]!, words[2 * DESTINATION + 1]!),
      port: portAt(bytes, words, DESTINATION),
    },
    state,
    expires,
    template: isTemplate(clientPort, state),
  }
  if (protocol !== 'ip' && count <= expiry + 1 && !origin) return connection
  return {
    ...connection,
    // The kernel writes the mark into the first 32 bits of the virtual address.
    ...(protocol === 'ip' ? { fwmark: markAt(bytes, words) } : {}),
    ...(origin ? { origin: textAt(bytes, words, NEXT) === 'SYNC' ? 'synchronised' : 'local' } : {}),
    ...(origin || count <= expiry + 1
      ? {}
      : {
          engine: textAt(bytes, words, NEXT + 1),
          engineData: count > LAST ? textAt(bytes, words, LAST) : '',
        }),
  }
}

const markAt = (bytes: Buffer, words: Words): number => {
  const from = words[2 * VIRTUAL]!
  const isIpv6 = words[2 * VIRTUAL + 1]! - from === V6
  return isIpv6
    ? hex(bytes, from, from + 4) * 0x10000 + hex(bytes, from + 5, from + 9)
    : hex(bytes, from, from + V4) >>> 0
}

/** Only templates have both: the kernel knows no other state of them, and no client has port 0 but one of UDP. */
const isTemplate = (clientPort: number, state: string): boolean =>
  clientPort === 0 && (state === 'NONE' || state === 'ASSURED')

/** What a word has to be, in the kernel's own spelling: one of these. */
interface Wanted {
  readonly word: number
  readonly texts: readonly Uint8Array[]
}

/** Looked for in the bytes, so that of a million lines only those wanted become objects. */
export interface LineFilter {
  readonly words: readonly Wanted[]
  readonly template: boolean | undefined
}

export const wantProtocol = (name: string): Wanted => want(PROTOCOL, kernelProtocol(name))
export const wantState = (states: readonly string[]): Wanted => want(STATE, ...states)
export const wantClient = (address: string): Wanted => want(CLIENT, kernelAddress(address))
/** Port undefined: every port. */
export const wantEndpoint = (
  which: 'virtual' | 'destination',
  address: string,
  port: number | undefined,
): readonly Wanted[] => {
  const word = which === 'virtual' ? VIRTUAL : DESTINATION
  const place = want(word, kernelAddress(address))
  return port === undefined
    ? [place]
    : [place, want(word + 1, port.toString(16).toUpperCase().padStart(4, '0'))]
}

const want = (word: number, ...texts: readonly string[]): Wanted => ({
  word,
  texts: texts.map((text) => Buffer.from(text, 'latin1')),
})

/** As `%08X` and `%pI6` write it. */
const kernelAddress = (address: string): string => {
  const bytes = Buffer.from(bytesOf(parseAddress(address)!))
  return bytes.length === 4
    ? bytes.toString('hex').toUpperCase()
    : bytes.toString('hex').match(/.{4}/g)!.join(':')
}

export const passes = (bytes: Buffer, words: Words, { words: wanted, template }: LineFilter): boolean => {
  for (const { word, texts } of wanted) {
    const from = words[2 * word]!
    const length = words[2 * word + 1]! - from
    if (!texts.some((text) => text.length === length && equals(bytes, from, text))) return false
  }
  if (template === undefined) return true
  return template === isTemplate(portAt(bytes, words, CLIENT), textAt(bytes, words, STATE))
}

const equals = (bytes: Buffer, from: number, text: Uint8Array): boolean => {
  for (let i = 0; i < text.length; i++) if (bytes[from + i] !== text[i]) return false
  return true
}
