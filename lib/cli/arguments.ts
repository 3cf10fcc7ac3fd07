// Arguments of subcommands: node:util's parseArgs, with --netns, --json and --help, and better errors.
// SPDX-License-Identifier: MIT

import { type ParseArgsConfig, parseArgs } from 'node:util'
import { nearest } from '../nearest.js'
import { commandOf } from '../text/command.js'
import { parseEndpoint } from '../text/endpoint.js'
import { withHosts } from '../text/hosts.js'
import { type Given, LineError, scan } from '../text/scan.js'
import { serviceKeyOf } from '../text/service.js'
import type { DestinationKey, ServiceKey } from '../types.js'
import { UsageError } from './failure.js'
import type { Io } from './io.js'

type Options = NonNullable<ParseArgsConfig['options']>

const common = {
  netns: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies Options

type Parsed<T extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; allowPositionals: true; options: T & typeof common }>
>

/**
 * The options and words of a subcommand. undefined when --help was asked for, which is answered with `usage`.
 * @throws UsageError
 */
export const readArguments = <const T extends Options>(
  name: string,
  usage: string,
  args: string[],
  io: Io,
  options: T,
): Parsed<T> | undefined => {
  const all = { ...common, ...options }
  try {
    const parsed = parseArgs({ args, allowPositionals: true, options: all })
    if (!(parsed.values as { help?: boolean }).help) return parsed as Parsed<T>
    io.out(usage)
    return undefined
  } catch (error) {
    throw explain(name, error as Error, Object.keys(all))
  }
}

const explain = (name: string, error: Error, known: readonly string[]): UsageError => {
  const given = /^Unknown option '--([\w-]+)'/.exec(error.message)?.[1]
  if (given === undefined) return new UsageError(`${name}: ${error.message.split('. ')[0]}`)
  const near = nearest(given, known)
  const advice = near === undefined ? `ipvs ${name} --help lists them` : `did you mean --${near}?`
  return new UsageError(`${name}: unknown option --${given}; ${advice}`)
}

/** No more words than `most`. */
export const atMost = (name: string, words: readonly string[], most: number): void => {
  if (words.length > most) throw new UsageError(`${name}: unexpected word '${words[most]}'`)
}

/** The text of a file, or of the standard input for `-` and nothing. */
export const readFileOrInput = async (io: Io, file = '-'): Promise<string> => {
  if (file === '-') return io.input()
  const { readFile } = await import('node:fs/promises')
  return readFile(file, 'utf8')
}

/** What a timer takes: 24 days. */
const LONGEST = 0x7fffffff

/** A number of seconds, with fractions, as so many milliseconds. */
export const readSeconds = (
  name: string,
  option: string,
  text: string,
  { least = 0, most = LONGEST }: { readonly least?: number; readonly most?: number } = {},
): number => {
  const milliseconds = /^\d+(\.\d+)?$/.test(text) ? Math.round(Number(text) * 1000) : NaN
  if (milliseconds >= least && milliseconds <= most) return milliseconds
  const range = `${least / 1000} to ${Math.floor(most / 1000)}`
  throw new UsageError(`${name}: --${option} ${text}: expected seconds, ${range}`)
}

/** The options of ipvsadm that name a service. */
export const serviceOptions = {
  'tcp-service': { type: 'string', short: 't' },
  'udp-service': { type: 'string', short: 'u' },
  'sctp-service': { type: 'string' },
  'fwmark-service': { type: 'string', short: 'f' },
  ipv6: { type: 'boolean', short: '6' },
} as const satisfies Options

type ServiceValues = { readonly [K in keyof typeof serviceOptions]?: string | boolean | undefined }

/** The service that those options name; host names are asked of the system. */
export const readService = (name: string, values: ServiceValues): Promise<ServiceKey> =>
  reading(name, () => {
    const given = scanned(name, ['-D', ...wordsOf(values)])
    return withHosts((host) => serviceKeyOf(given, host))
  })

export const serverOptions = {
  ...serviceOptions,
  'real-server': { type: 'string', short: 'r' },
} as const satisfies Options

/** The service and the real server of it that the options name. */
export const readServer = (
  name: string,
  values: ServiceValues & { readonly 'real-server'?: string | undefined },
): Promise<{ readonly service: ServiceKey; readonly destination: DestinationKey }> =>
  reading(name, () => {
    const server = values['real-server']
    if (server === undefined) throw new UsageError(`${name}: which real server? -r`)
    const given = scanned(name, ['-d', ...wordsOf(values), `--real-server=${server}`])
    return withHosts((host) => {
      const command = commandOf(given, host)
      if (command.verb !== 'delete-destination') throw new LineError('which real server? -r')
      return command
    })
  })

/** An address with or without a port. */
export const readEndpoint = (
  name: string,
  option: string,
  text: string,
): Promise<{ readonly address: string; readonly port?: number }> =>
  reading(name, () =>
    withHosts((host) => {
      const { address, port } = parseEndpoint(option, text, undefined, host, -1)
      return port < 0 ? { address } : { address, port }
    }),
  )

const wordsOf = (values: ServiceValues): readonly string[] =>
  Object.keys(serviceOptions).flatMap((option) => {
    const value = values[option as keyof ServiceValues]
    return value === undefined ? [] : value === true ? [`--${option}`] : [`--${option}=${value}`]
  })

const scanned = (name: string, words: readonly string[]): Given => {
  if (!words.some((word) => /^--(tcp|udp|sctp|fwmark)-service/.test(word))) {
    throw new UsageError(`${name}: which service? -t, -u, -f or --sctp-service`)
  }
  return scan(words)
}

const reading = async <T>(name: string, read: () => Promise<T>): Promise<T> => {
  try {
    return await read()
  } catch (error) {
    throw error instanceof LineError ? new UsageError(`${name}: ${error.message}`) : error
  }
}
