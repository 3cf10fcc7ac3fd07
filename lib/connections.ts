// The connections of a director, read from /proc/net/ip_vs_conn as they stream by.
// SPDX-License-Identifier: MIT

import { close as closeFile, constants, existsSync, openSync, read as readFile } from 'node:fs'
import { promisify } from 'node:util'
import { parseAddress } from './address.js'
import * as check from './check.js'
import {
  type Connection,
  connectionOf,
  type LineFilter,
  newWords,
  passes,
  protocolNames,
  splitLine,
  wantClient,
  wantEndpoint,
  wantProtocol,
  wantState,
} from './connection-line.js'
import { IpvsError } from './errors.js'
import { serviceKey } from './model/service.js'
import { openFile } from './netlink/file.js'
import { isTransportError, type NetworkNamespace } from './netlink/socket.js'
import type { ServiceKey } from './types.js'

/** A real server, by its address and maybe one of its ports. */
export interface ConnectionDestination {
  /** IPv4 or IPv6. */
  readonly address: string
  /** 0..65535. Default: any. */
  readonly port?: number | undefined
}

/** Which connections; of several settings all have to hold. */
export interface ConnectionFilter {
  /**
   * Connections to its address and port; port 0 stands for every port. The kernel does not say by which firewall mark a
   * connection came: of a mark these are the persistence templates alone.
   */
  readonly service?: ServiceKey | undefined
  /** Connections to this real server, of whatever service; without a port, to any of its ports. */
  readonly destination?: ConnectionDestination | undefined
  /** The client's address; of a template, that of the client's network. */
  readonly client?: string | undefined
  /** Of this protocol only. */
  readonly protocol?: Connection['protocol'] | undefined
  /** One or several, as the kernel writes them: `ESTABLISHED`, `TIME_WAIT` … */
  readonly state?: string | readonly string[] | undefined
  /** true: templates of persistence only; false: none. */
  readonly template?: boolean | undefined
}

export interface ConnectionsOptions extends ConnectionFilter {
  /** Another network namespace: a path such as /run/netns/NAME or /proc/PID/ns/net, or an open descriptor of one. */
  readonly netns?: NetworkNamespace | undefined
  /** Says of each entry where it was made (`origin`), in place of its engine: the kernel has a file for either. */
  readonly origin?: boolean | undefined
  /** A copy of the kernel's file instead of the file; with `origin`, one of /proc/net/ip_vs_conn_sync. */
  readonly file?: string | undefined
  /** Makes the iteration fail with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

const fields = new Set([
  'service',
  'destination',
  'client',
  'protocol',
  'state',
  'template',
  'netns',
  'origin',
  'file',
  'signal',
])

/**
 * The connections of a director, one after the other, in memory that does not grow with their number. There is no other
 * way to list them, and none to change one. No capability is needed, but for another namespace CAP_SYS_ADMIN.
 *
 * The kernel goes on where it was by counting: what ends or begins while the file is read may be missing or come twice,
 * and since Linux 7.1 so may any entry while the table grows. Up to Linux 6.1 at least, it counts from the beginning for
 * every 4096 bytes: reading n connections, those of other namespaces included, takes a time that grows with n squared.
 *
 * @throws TypeError or RangeError about the options, at once.
 * @throws IpvsError 'ipvs-unavailable' when the module ip_vs is not loaded, 'not-permitted' or 'system' when the file or
 * the network namespace cannot be opened.
 * @throws Error when a line is not of the kernel's format.
 */
export const connections = (options: ConnectionsOptions = {}): AsyncGenerator<Connection, void, undefined> =>
  each(connectionBatches(options))

async function* each(
  batches: AsyncIterable<readonly Connection[]>,
): AsyncGenerator<Connection, void, undefined> {
  for await (const batch of batches) yield* batch
}

/** The same by the piece that was read: a thousand at a time or so. */
export const connectionBatches = (
  options: ConnectionsOptions,
): AsyncGenerator<readonly Connection[], void, undefined> => {
  check.object('options', options)
  check.knownFields('options', options, fields)
  const { netns, origin = false, file, signal } = options
  check.callOptions({ signal })
  check.boolean('options.origin', origin)
  if (netns !== undefined && typeof netns !== 'string') check.integer('options.netns', netns, 0, 0x7fffffff)
  if (netns !== undefined && file !== undefined)
    throw new TypeError('options.file: a file is read as it is, without netns')
  return run({ netns, origin, file, signal }, filterOf(options))
}

const address = (field: string, value: unknown): string => {
  if (typeof value !== 'string' || parseAddress(value) === undefined) throw check.notAddress(field, value)
  return value
}

const filterOf = ({
  service,
  destination,
  client,
  protocol,
  state,
  template,
}: ConnectionFilter): LineFilter => {
  if (template !== undefined) check.boolean('options.template', template)
  const states = typeof state === 'string' ? [state] : state
  for (const each of states ?? []) check.name('options.state', each, 20)
  if (protocol !== undefined && !/^protocol-\d{1,3}$/.test(protocol))
    check.oneOf('options.protocol', protocol, protocolNames)
  if (destination !== undefined) {
    address('options.destination.address', destination.address)
    if (destination.port !== undefined) check.integer('options.destination.port', destination.port, 0, 65535)
  }
  return {
    words: [
      ...(service === undefined ? [] : wantService(service)),
      ...(destination === undefined
        ? []
        : wantEndpoint('destination', destination.address, destination.port)),
      ...(client === undefined ? [] : [wantClient(address('options.client', client))]),
      ...(protocol === undefined ? [] : [wantProtocol(protocol)]),
      ...(states === undefined ? [] : [wantState(states)]),
    ],
    template,
  }
}

const wantService = (service: ServiceKey): LineFilter['words'] => {
  serviceKey(service) // says what is wrong with it
  const { fwmark } = service
  if (fwmark === undefined) {
    const { protocol, address, port } = service
    return [wantProtocol(protocol), ...wantEndpoint('virtual', address, port === 0 ? undefined : port)]
  }
  // The kernel keeps the mark in the first 32 bits of the virtual address.
  const bytes = [24, 16, 8, 0].map((shift) => (fwmark >>> shift) & 255)
  const words = `${((bytes[0]! << 8) | bytes[1]!).toString(16)}:${((bytes[2]! << 8) | bytes[3]!).toString(16)}`
  const place = service.family === 'ipv6' ? `${words}::` : bytes.join('.')
  return [wantProtocol('ip'), ...wantEndpoint('virtual', place, 0)]
}

interface Source {
  readonly netns: NetworkNamespace | undefined
  readonly origin: boolean
  readonly file: string | undefined
  readonly signal: AbortSignal | undefined
}

const read = promisify(readFile)
const close = promisify(closeFile)
/** The kernel gives at most a page at a time; a copy comes faster in larger pieces. */
const PIECE = 64 * 1024
const NEWLINE = 10
/** The column that every line has last, but for those of engines. */
const EXPIRES = 8

async function* run(
  source: Source,
  filter: LineFilter,
): AsyncGenerator<readonly Connection[], void, undefined> {
  const { signal, origin } = source
  signal?.throwIfAborted()
  const name = source.file ?? `/proc/net/ip_vs_conn${origin ? '_sync' : ''}`
  const fd = open(source.netns, name)
  try {
    const buffer = Buffer.allocUnsafe(PIECE)
    const words = newWords()
    let lines = 0
    for (let left = 0; ; ) {
      const { bytesRead } = await read(fd, buffer, left, PIECE - left, null)
      signal?.throwIfAborted()
      const end = left + bytesRead
      const found: Connection[] = []
      let start = 0
      for (let next = lineEnd(buffer, start, end); next >= 0; next = lineEnd(buffer, start, end)) {
        const count = splitLine(buffer, start, next, words)
        const isBroken = ++lines === 1 ? !isHeading(buffer, origin) : count <= EXPIRES
        if (isBroken) throw broken(name, lines, buffer, start, next)
        if (lines > 1 && passes(buffer, words, filter)) {
          const connection = connectionOf(buffer, words, count, origin)
          if (connection === undefined) throw broken(name, lines, buffer, start, next)
          found.push(connection)
        }
        start = next + 1
      }
      if (found.length > 0) yield found
      left = end - start
      if (left === PIECE || (bytesRead === 0 && (left > 0 || lines === 0)))
        throw broken(name, lines + 1, buffer, start, end)
      if (bytesRead === 0) return
      buffer.copyWithin(0, start, end)
    }
  } finally {
    await close(fd)
  }
}

const lineEnd = (buffer: Buffer, start: number, end: number): number => {
  const found = buffer.indexOf(NEWLINE, start)
  return found < end ? found : -1
}

/** The two files differ in one column. */
const isHeading = (buffer: Buffer, origin: boolean): boolean => {
  const heading = buffer.toString('latin1', 0, buffer.indexOf(NEWLINE))
  return heading.startsWith('Pro FromIP ') && / Origin /.test(heading) === origin
}

const broken = (name: string, line: number, buffer: Buffer, start: number, end: number): Error =>
  new Error(
    `${name}: line ${line} is not of the kernel's format: '${buffer.toString('latin1', start, Math.min(end, start + 100))}'`,
  )

const ENOENT = 2
const EPERM = 1

const open = (netns: NetworkNamespace | undefined, name: string): number => {
  try {
    return netns === undefined
      ? openSync(name, 'r')
      : openFile(netns, name.replace('/proc/', '/proc/thread-self/'), constants.O_RDONLY)
  } catch (error) {
    if (!isTransportError(error)) throw error
    const errno = Math.abs(error.errno) // Node's own are negative
    const hasPlace = typeof netns !== 'string' || existsSync(netns)
    const isMissing = errno === ENOENT && name.startsWith('/proc/net/') && hasPlace
    throw new IpvsError({
      command: 'open',
      reason: isMissing ? 'ipvs-unavailable' : errno === EPERM ? 'not-permitted' : 'system',
      errno,
      subject: netns === undefined ? name : `${name} of network namespace ${netns}`,
      explanation: isMissing
        ? 'no such file: the module ip_vs is not loaded'
        : hasPlace
          ? `${error.syscall} failed`
          : 'no such network namespace',
      cause: error,
    })
  }
}
