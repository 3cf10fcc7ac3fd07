// `ipvs predict`: which server a client gets, by the table of this director.
// SPDX-License-Identifier: MIT

import { isIPv4, isIPv6 } from 'node:net'
import type { Prediction } from '../predict/types.js'
import { decimal } from '../text/endpoint.js'
import { endpointText, numeric } from '../text/format.js'
import type { DestinationStatus } from '../types.js'
import { readArguments, readService, serviceOptions } from './arguments.js'
import { UsageError } from './failure.js'
import { withClient } from './io.js'
import { toJson } from './json.js'
import {
  flagsOf,
  percent,
  predictionOf,
  schedulerOptions,
  serviceText,
  termsOf,
  unknownOf,
} from './prediction.js'
import type { Run } from './subcommands.js'

const usage = `usage: ipvs predict -t|-u|-f SERVICE [options] [CLIENT[:PORT]...]

Computes which server of the service each client gets, with the algorithm of its scheduler (msh, maglev, hrw, sh, mh)
and the servers and weights in the table. Without a client: what share of all clients each server gets.
A word - stands for clients on the standard input, one a line.

-s, --scheduler NAME    another scheduler than that of the service
-b, --sched-flags LIST  other flags: fallback, port
--seed NUMBER           of msh, maglev, hrw; as the loaded module has it, else 0
--table-size NUMBER     slots; as the loaded module has them, else as the scheduler is built
--netns NAME|PATH, --json
Exit status: 0 done, 1 failed (also where the scheduler cannot be predicted), 2 the command line is wrong.
`

interface Client {
  readonly text: string
  readonly address: string
  readonly port?: number
}

const parseClient = (text: string): Client => {
  const [, inside, tail] = /^\[(.*)\](?::(.*))?$/.exec(text) ?? []
  const [, host, port] = /^([\d.]+):(.*)$/.exec(text) ?? []
  const address = inside ?? host ?? text
  const number = tail ?? port
  const value = number === undefined ? undefined : decimal(number, 0, 65535)
  if ((!isIPv4(address) && !isIPv6(address)) || (number !== undefined && value === undefined)) {
    throw new UsageError(`predict: ${text}: not address[:port] of a client`)
  }
  return { text, address, ...(value === undefined ? {} : { port: value }) }
}

const serverText = (server: DestinationStatus): string => endpointText(server, 'tcp', numeric)

const shareLines = (prediction: Prediction<DestinationStatus>): string => {
  const rows = prediction.destinations.map((server, i) => ({ server, share: prediction.shares[i] ?? 0 }))
  const lines = rows.map(
    ({ server, share }) =>
      `  -> ${serverText(server).padEnd(28)} ${`${server.weight}`.padEnd(10)} ${percent(share).padStart(8)}\n`,
  )
  const refused =
    prediction.refused > 0 ? `  refused ${' '.repeat(36)} ${percent(prediction.refused).padStart(7)}\n` : ''
  return `  -> RemoteAddress:Port           Weight       Clients\n${lines.join('')}${refused}`
}

export const predict: Run = async (args, io) => {
  const parsed = readArguments('predict', usage, args, io, { ...serviceOptions, ...schedulerOptions })
  if (parsed === undefined) return 0
  const { values, positionals } = parsed
  const key = await readService('predict', values)
  const terms = termsOf('predict', values)
  const words = positionals.includes('-') ? (await io.input()).split('\n').map((line) => line.trim()) : []
  const clients = [...positionals.filter((word) => word !== '-'), ...words.filter((word) => word !== '')].map(
    parseClient,
  )
  const { service, destinations } = await withClient(values.netns, async (client) => ({
    service: await client.services.get(key),
    destinations: await client.destinations.list(key),
  }))
  const prediction = await predictionOf(service, destinations, {
    ...terms,
    ...flagsOf('predict', terms.scheduler ?? service.scheduler, values),
  })
  io.err(unknownOf(prediction.scheduler, destinations))
  const { scheduler, checksum, tableSize, shares, refused } = prediction
  const chosen = clients.map(({ text, address, port }) => ({
    client: text,
    server: prediction.destinationOf({ address, port }),
  }))
  if (values.json) {
    const servers = destinations.map(({ address, port, weight }, i) => ({
      address,
      port,
      weight,
      share: shares[i] ?? 0,
    }))
    const answers = chosen.map(({ client, server }) => ({
      client,
      server: server === null ? null : { address: server.address, port: server.port },
    }))
    const about = { service: serviceText(service), scheduler, checksum, tableSize, refused, servers }
    io.out(
      `${toJson(clients.length > 0 || positionals.length > 0 ? { ...about, clients: answers } : about)}\n`,
    )
    return 0
  }
  if (positionals.length > 0) {
    for (const { client, server } of chosen)
      io.out(`${client} ${server === null ? 'refused' : serverText(server)}\n`)
    return 0
  }
  io.out(
    `${serviceText(service)} ${scheduler}${tableSize > 0 ? `, ${tableSize} slots` : ''}${checksum === null ? '' : `, checksum ${checksum}`}\n`,
  )
  io.out(shareLines(prediction))
  return 0
}
