// `ipvs -L -c`: the connections, which only /proc/net/ip_vs_conn tells.
// SPDX-License-Identifier: MIT

import { spawn } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { AF_INET6 } from '../abi.js'
import { formatAddress } from '../address.js'
import { endpointText, type Names, numeric } from '../text/format.js'
import type { Family } from '../types.js'
import { Failure } from './failure.js'
import { type Io, namespacePath } from './io.js'
import { Labels } from './labels.js'

const file = 'net/ip_vs_conn'

interface Place {
  readonly address: string
  readonly port: number
  readonly family: Family
}

export interface Connection {
  /** `TCP`, `UDP`, `SCTP`, or another name that the kernel has. */
  readonly protocol: string
  readonly state: string
  /** Seconds until the entry expires, if no packet comes. */
  readonly expires: number
  readonly source: Place
  readonly virtual: Place
  readonly destination: Place
  readonly engine?: string
  readonly engineData?: string
}

const place = (address: string, port: string): Place => {
  const bytes = Buffer.from(address.replaceAll(':', ''), 'hex')
  return {
    address: bytes.length === 16 ? formatAddress(bytes, AF_INET6) : [...bytes].join('.'),
    port: Number.parseInt(port, 16),
    family: bytes.length === 16 ? 'ipv6' : 'ipv4',
  }
}

/** A line of the file: addresses and ports are hexadecimal. */
export const parseConnection = (line: string): Connection | undefined => {
  const [protocol, ...words] = line.trim().split(/\s+/)
  const [source, sourcePort, virtual, virtualPort, destination, port, state, expires, engine, data] = words
  if (protocol === undefined || expires === undefined) return undefined
  return {
    protocol,
    state: state!,
    expires: Number(expires),
    source: place(source!, sourcePort!),
    virtual: place(virtual!, virtualPort!),
    destination: place(destination!, port!),
    ...(engine === undefined ? {} : { engine, engineData: data ?? '' }),
  }
}

const two = (number: number): string => `${number}`.padStart(2, '0')

export const connectionLine = (connection: Connection, names: Names, withEngine: boolean): string => {
  const { protocol, expires, state, source, virtual, destination, engine, engineData } = connection
  const at = (where: Place) => endpointText(where, protocol.toLowerCase(), names).slice(0, 59)
  const start = [
    protocol.padEnd(3),
    `${two(Math.floor(expires / 60))}:${two(expires % 60)}`.padEnd(6),
    state.padEnd(11),
    at(source).padEnd(18),
    at(virtual).padEnd(18),
  ]
  return withEngine && engine !== undefined
    ? [...start, at(destination).padEnd(16), engine.padEnd(18), engineData].join(' ')
    : [...start, at(destination)].join(' ')
}

const heading = (withEngine: boolean): string => {
  const start = `IPVS connection entries\npro expire state       source             virtual            `
  return `${start}${withEngine ? 'destination        pe name          pe_data' : 'destination'}\n`
}

/** The lines of the file as a process of that namespace sees it. */
async function* linesOf(netns: string | undefined): AsyncGenerator<string> {
  const path = netns === undefined ? undefined : namespacePath(netns)
  const pid = /^\/proc\/(\w+)\/ns\/net$/.exec(path ?? '')?.[1]
  const child =
    path === undefined || pid !== undefined
      ? undefined
      : spawn('nsenter', [`--net=${path}`, 'cat', `/proc/${file}`], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child?.stderr.on('data', (chunk) => {
    said += chunk
  })
  const ended = new Promise<number>((resolve, reject) => {
    if (child === undefined) return resolve(0)
    child.on('error', reject)
    child.on('close', (status) => resolve(status ?? 1))
  })
  ended.catch(() => undefined)
  const input = child?.stdout ?? createReadStream(`/proc/${pid ?? 'self'}/${file}`)
  try {
    // The stream's own failure would not end the lines.
    const failed = new Promise<never>((_, reject) => input.on('error', reject))
    failed.catch(() => undefined)
    const lines = createInterface({ input, crlfDelay: Infinity })[Symbol.asyncIterator]()
    for (;;) {
      const next = await Promise.race([lines.next(), failed])
      if (next.done) break
      yield next.value
    }
    if ((await ended) !== 0) throw new Error(said.trim())
  } catch (error) {
    throw new Failure(`cannot read the connections: ${(error as Error).message}`)
  }
}

const CHUNK = 1000

/** Prints them as they come, in pieces: there may be millions. */
export const printConnections = async (
  io: Io,
  netns: string | undefined,
  options: { readonly numeric: boolean; readonly withEngine: boolean; readonly json: boolean },
): Promise<void> => {
  const { json, withEngine } = options
  const labels = options.numeric || json ? undefined : new Labels()
  let pending: Connection[] = []
  let count = 0
  const flush = async (): Promise<void> => {
    const text = pending.map((connection) => JSON.stringify(connection))
    if (json) io.out(text.map((line, i) => `${count + i === 0 ? '' : ',\n'}${line}`).join(''))
    else {
      await labels?.resolve(
        pending.flatMap((one) => [one.source, one.virtual, one.destination].map((at) => at.address)),
      )
      io.out(pending.map((one) => `${connectionLine(one, labels ?? numeric, withEngine)}\n`).join(''))
    }
    count += pending.length
    pending = []
  }
  let isFirst = true
  for await (const line of linesOf(netns)) {
    if (isFirst) io.out(json ? '[' : heading(withEngine))
    const connection = isFirst ? undefined : parseConnection(line)
    isFirst = false
    if (connection !== undefined) pending.push(connection)
    if (pending.length >= CHUNK) await flush()
  }
  if (isFirst) throw new Failure('cannot read the connections: the file of the kernel is empty')
  await flush()
  if (json) io.out(']\n')
}
