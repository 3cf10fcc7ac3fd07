// `ipvs connections` and `ipvs -L -c`: the connections, in the columns of ipvsadm, as JSON, or their number.
// SPDX-License-Identifier: MIT

import { type Connection, type ConnectionEndpoint, kernelProtocol } from '../connection-line.js'
import { type ConnectionsOptions, connectionBatches } from '../connections.js'
import { endpointText, type Names, numeric } from '../text/format.js'
import { atMost, readArguments, readEndpoint, readService, serviceOptions } from './arguments.js'
import { UsageError, unknownWord } from './failure.js'
import { type Io, openOptions } from './io.js'
import { Labels } from './labels.js'
import type { Run } from './subcommands.js'

const usage = `usage: ipvs connections [-t|-u|-f SERVICE] [-r SERVER] [options]

Prints the director's connections and persistence templates, in the columns of ipvs -Lcn. What begins or ends meanwhile
may be missing or come twice.

-t, -u, -f SERVICE       connections to this service; port 0 is every port; of a mark its templates only
-r SERVER                to this real server; without a port, to any of its ports
--client ADDRESS         of this client
--protocol NAME          tcp, udp, sctp, ip (templates of marks) …
--state NAME[,NAME...]   in one of these states: ESTABLISHED, TIME_WAIT …
--templates, --no-templates   templates of persistence only, or none of them
--origin                 where each was made, here or by another director, in place of its engine
--count                  only how many
--netns NAME|PATH        in another network namespace
--json                   a JSON object a line; with --count an object
Exit status: 0 done, 1 failed, 2 the command line is wrong.
`

/** Of TCP, UDP, templates, and SCTP (ip_vs_proto_*.c). */
const states = (
  'NONE ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK LISTEN SYNACK UDP ASSURED ' +
  'INIT1 INIT COOKIE_SENT COOKIE_REPLIED COOKIE_WAIT COOKIE COOKIE_ECHOED SHUTDOWN_SENT SHUTDOWN_RECEIVED ' +
  'SHUTDOWN_ACK_SENT REJECTED CLOSED'
).split(' ')

const statesOf = (text: string): readonly string[] =>
  text.split(',').map((word) => {
    const state = word.toUpperCase()
    if (!states.includes(state)) throw unknownWord('state', word, states)
    return state
  })

const two = (number: number): string => `${number}`.padStart(2, '0')

/** How a connection is written: with the data of the persistence engine, with its origin, or with neither. */
export type Last = 'engine' | 'origin' | 'destination'

export const connectionLine = (connection: Connection, names: Names, last: Last): string => {
  const { expires, state, client, virtual, destination, engine, engineData, origin } = connection
  const protocol = kernelProtocol(connection.protocol)
  const at = ({ address, port }: ConnectionEndpoint): string =>
    endpointText(
      { address, port, family: address.includes(':') ? 'ipv6' : 'ipv4' },
      connection.protocol,
      names,
    ).slice(0, 59)
  const start = [
    protocol.padEnd(3),
    `${two(Math.floor(expires / 60))}:${two(expires % 60)}`.padEnd(6),
    state.padEnd(11),
    at(client).padEnd(18),
    at(virtual).padEnd(18),
  ]
  if (last === 'origin') return [...start, at(destination).padEnd(18), origin].join(' ')
  return last === 'engine' && engine !== undefined
    ? [...start, at(destination).padEnd(16), engine.padEnd(18), engineData].join(' ')
    : [...start, at(destination)].join(' ')
}

const ends: Readonly<Record<Last, string>> = {
  engine: 'destination        pe name          pe_data',
  origin: 'destination        origin',
  destination: 'destination',
}

const heading = (last: Last): string =>
  `IPVS connection entries\npro expire state       source             virtual            ${ends[last]}\n`

/** `ipvs -Lc`: as ipvsadm; JSON is one list. There may be millions, so they are printed as they come. */
export const printConnections = async (
  io: Io,
  netns: string | undefined,
  options: { readonly numeric: boolean; readonly withEngine: boolean; readonly json: boolean },
): Promise<void> => {
  const last = options.withEngine ? 'engine' : 'destination'
  const labels = options.numeric || options.json ? undefined : new Labels()
  let start = options.json ? '[' : heading(last)
  for await (const batch of connectionBatches(openOptions(netns))) {
    if (options.json) {
      io.out(start + batch.map((one) => JSON.stringify(one)).join(',\n'))
      start = ',\n'
    } else {
      await labels?.resolve(
        batch.flatMap(({ client, virtual, destination }) =>
          [client, virtual, destination].map(({ address }) => address),
        ),
      )
      io.out(start + linesOf(batch, labels ?? numeric, last))
      start = ''
    }
  }
  if (start !== '' && start !== ',\n') io.out(start)
  if (options.json) io.out(']\n')
}

const linesOf = (batch: readonly Connection[], names: Names, last: Last): string =>
  batch.map((one) => `${connectionLine(one, names, last)}\n`).join('')

const serviceNames = ['tcp-service', 'udp-service', 'sctp-service', 'fwmark-service'] as const

export const connections: Run = async (args, io) => {
  const parsed = readArguments('connections', usage, args, io, {
    ...serviceOptions,
    'real-server': { type: 'string', short: 'r' },
    client: { type: 'string' },
    protocol: { type: 'string' },
    state: { type: 'string' },
    templates: { type: 'boolean', default: false },
    'no-templates': { type: 'boolean', default: false },
    origin: { type: 'boolean', default: false },
    count: { type: 'boolean', default: false },
  })
  if (parsed === undefined) return 0
  const { values, positionals } = parsed
  atMost('connections', positionals, 0)
  const { templates, origin, count, json, netns, client, protocol, state } = values
  if (templates && values['no-templates'])
    throw new UsageError('connections: --templates and --no-templates exclude each other')
  const hasService = serviceNames.some((name) => values[name] !== undefined)
  const service = hasService ? await readService('connections', values) : undefined
  if (service?.fwmark !== undefined && !templates)
    io.err('note: the kernel does not say which connections came by a mark; these are its templates\n')
  const server = values['real-server']
  const options: ConnectionsOptions = {
    ...openOptions(netns),
    service,
    destination: server === undefined ? undefined : await readEndpoint('connections', '-r', server),
    client,
    protocol: protocol?.toLowerCase() as ConnectionsOptions['protocol'],
    state: state === undefined ? undefined : statesOf(state),
    template: templates ? true : values['no-templates'] ? false : undefined,
    origin,
    signal: io.signal,
  }
  const last = origin ? 'origin' : 'engine'
  let found = 0
  for await (const batch of batchesOf(options)) {
    if (!count && json) io.out(batch.map((one) => `${JSON.stringify(one)}\n`).join(''))
    else if (!count) io.out((found === 0 ? heading(last) : '') + linesOf(batch, numeric, last))
    found += batch.length
  }
  if (count) io.out(json ? `${JSON.stringify({ count: found })}\n` : `${found}\n`)
  else if (found === 0 && !json) io.out(heading(last))
  return 0
}

/** What is wrong with the options is the user's mistake. */
const batchesOf = (options: ConnectionsOptions): ReturnType<typeof connectionBatches> => {
  try {
    return connectionBatches(options)
  } catch (error) {
    throw new UsageError(`connections: ${(error as Error).message.replace(/^options\./, '--')}`)
  }
}
