// What a command talks to: streams, and the IPVS of the network namespace that --netns names.
// SPDX-License-Identifier: MIT

import type { ReadStream, WriteStream } from 'node:tty'
import type { Ipvs } from '../ipvs.js'
import type { IpvsSync } from '../sync.js'
import { Failure } from './failure.js'

export interface Io {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** The whole standard input. */
  readonly input: () => Promise<string>
  /** Ends what takes long or goes on for ever. The process's is aborted by SIGINT and SIGTERM once it was asked for. */
  readonly signal: AbortSignal
  /** Where the output is a terminal. */
  readonly terminal?: Terminal | undefined
}

export interface Terminal {
  readonly output: WriteStream
  /** Absent where the keys are not ours to read. */
  readonly input?: ReadStream | undefined
}

const readAll = async (): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** A second signal of the same kind ends the process at once. */
const abortedBySignals = (): AbortSignal => {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new Failure(`interrupted (${name})`)))
  }
  return controller.signal
}

export const processIo = (): Io => {
  let signal: AbortSignal | undefined
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    input: readAll,
    get terminal() {
      const { stdin, stdout } = process
      return stdout.isTTY ? { output: stdout, input: stdin.isTTY ? stdin : undefined } : undefined
    },
    get signal() {
      signal ??= abortedBySignals()
      return signal
    },
  }
}

/** A name is one that `ip netns` knows; a path has a slash. */
export const namespacePath = (netns: string): string => (netns.includes('/') ? netns : `/run/netns/${netns}`)

export const openOptions = (netns: string | undefined): { readonly netns?: string } =>
  netns === undefined ? {} : { netns: namespacePath(netns) }

/** The clients are loaded when they are needed: half of what a short command takes is loading. */
export const openSync = async (netns: string | undefined): Promise<IpvsSync> =>
  (await import('../sync.js')).IpvsSync.open(openOptions(netns))

/** Runs `use` with a client, and closes it. */
export const withClient = async <T>(
  netns: string | undefined,
  use: (client: Ipvs) => Promise<T>,
): Promise<T> => {
  const { Ipvs } = await import('../ipvs.js')
  const client = await Ipvs.open(openOptions(netns))
  try {
    return await use(client)
  } finally {
    await client.close()
  }
}
