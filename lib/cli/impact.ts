// `ipvs impact`: which clients a change of servers, weights or scheduler would move.
// SPDX-License-Identifier: MIT

import { destinationKey, destinationName } from '../model/destination.js'
import type { Impact } from '../predict/types.js'
import { decimal, parseEndpoint } from '../text/endpoint.js'
import { endpointText, numeric } from '../text/format.js'
import { LineError } from '../text/scan.js'
import type { DestinationStatus, ServiceStatus } from '../types.js'
import { atMost, readArguments, readService, serviceOptions } from './arguments.js'
import { Failure, UsageError } from './failure.js'
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

const usage = `usage: ipvs impact -t|-u|-f SERVICE CHANGE... [--seed NUMBER] [--table-size NUMBER] [--netns NAME|PATH] [--json]

Computes what share of clients would get another server after a change of a service with scheduler msh, maglev, hrw,
sh or mh, and the least that any scheduler would have to move. Nothing is changed. Changes, in this order:

--remove ADDRESS[:PORT]          a server less; may be repeated, like the next two
--add ADDRESS[:PORT][=WEIGHT]    a server more (weight 1)
--weight ADDRESS[:PORT]=WEIGHT   another weight
-s, --scheduler NAME             another scheduler
-b, --sched-flags LIST           other flags: fallback, port

Exit status: 0 done, 1 failed (also where the scheduler cannot be predicted), 2 the command line is wrong.
`

const changes = {
  remove: { type: 'string', multiple: true },
  add: { type: 'string', multiple: true },
  weight: { type: 'string', multiple: true },
} as const

interface Named {
  readonly address: string
  readonly port: number
  readonly weight: number | undefined
}

const named = (option: string, text: string, service: ServiceStatus): Named => {
  const [place, weight] = text.split('=') as [string, string | undefined]
  const value = weight === undefined ? undefined : decimal(weight, 0, 2_147_483_647)
  if (weight !== undefined && value === undefined) {
    throw new UsageError(`impact: --${option} ${text}: expected a weight 0 to 2147483647`)
  }
  try {
    const { address, port } = parseEndpoint(
      `--${option}`,
      place,
      undefined,
      () => undefined,
      service.port ?? 0,
    )
    return { address, port, weight: value }
  } catch (error) {
    if (error instanceof LineError) throw new UsageError(`impact: ${error.message}`)
    throw error
  }
}

type Place = Pick<Named, 'address' | 'port'>

/** An IPv6 address has many spellings. */
const placeOf = ({ address, port }: Place): string =>
  destinationName(destinationKey({}, { address, port }), 0)
const isSame = (a: Place): ((b: Place) => boolean) => {
  const place = placeOf(a)
  return (b) => placeOf(b) === place
}

const notThere = (text: string): Failure => new Failure(`the service has no real server ${text}`)

type Changes = { readonly [K in keyof typeof changes]?: readonly string[] | undefined }

/** The servers after the changes. New ones are the newest, which the kernel lists first. */
export const changedServers = (
  service: ServiceStatus,
  before: readonly DestinationStatus[],
  { remove = [], add = [], weight = [] }: Changes,
): readonly DestinationStatus[] => {
  let servers = [...before]
  for (const text of remove) {
    const gone = isSame(named('remove', text, service))
    if (!servers.some(gone)) throw notThere(text)
    servers = servers.filter((server) => !gone(server))
  }
  for (const text of add) {
    const server = named('add', text, service)
    if (servers.some(isSame(server))) throw new Failure(`the service has the real server ${text} already`)
    servers = [newServer(server), ...servers]
  }
  for (const text of weight) {
    const server = named('weight', text, service)
    if (server.weight === undefined)
      throw new UsageError(`impact: --weight ${text}: expected ADDRESS[:PORT]=WEIGHT`)
    if (!servers.some(isSame(server))) throw notThere(text)
    const value = server.weight
    servers = servers.map((other) =>
      isSame(server)(other) ? { ...other, weight: value, lastWeight: other.weight } : other,
    )
  }
  return servers
}

const zero = { conns: 0n, inPkts: 0n, outPkts: 0n, inBytes: 0n, outBytes: 0n }
const still = { cps: 0, inPps: 0, outPps: 0, inBps: 0, outBps: 0 }

const newServer = ({ address, port, weight = 1 }: Named): DestinationStatus => ({
  address,
  port,
  family: address.includes(':') ? 'ipv6' : 'ipv4',
  forwarding: 'direct-routing',
  weight,
  upperThreshold: 0,
  lowerThreshold: 0,
  activeConns: 0,
  inactiveConns: 0,
  persistentConns: 0,
  stats: { ...zero, ...still },
})

const text = (server: DestinationStatus | null): string =>
  server === null ? 'refused' : endpointText(server, 'tcp', numeric)

const impactText = (
  service: ServiceStatus,
  { moved, minimum, excess, basis, moves }: Impact<DestinationStatus>,
): string => {
  const head = `${serviceText(service)}: ${percent(moved)} of clients move; at least ${percent(minimum)} must (${percent(excess)} more than that; ${basis})\n`
  const lines = moves.map(
    ({ from, to, fraction }) =>
      `  ${text(from).padEnd(28)} -> ${text(to).padEnd(28)} ${percent(fraction).padStart(8)}\n`,
  )
  return head + lines.join('')
}

export const impact: Run = async (args, io) => {
  const parsed = readArguments('impact', usage, args, io, {
    ...serviceOptions,
    ...schedulerOptions,
    ...changes,
  })
  if (parsed === undefined) return 0
  const { values, positionals } = parsed
  atMost('impact', positionals, 0)
  const key = await readService('impact', values)
  const { scheduler, ...terms } = termsOf('impact', values)
  const { service, destinations } = await withClient(values.netns, async (client) => ({
    service: await client.services.get(key),
    destinations: await client.destinations.list(key),
  }))
  const { flags } = flagsOf('impact', scheduler ?? service.scheduler, values)
  const after = changedServers(service, destinations, values)
  const isChanged = (values.remove ?? values.add ?? values.weight) !== undefined
  if (!isChanged && scheduler === undefined && flags === undefined) {
    throw new UsageError('impact: of which change? --remove, --add, --weight, --scheduler or --sched-flags')
  }
  const { impact: compare } = await import('../predict/impact.js')
  const result = compare(
    await predictionOf(service, destinations, terms),
    await predictionOf(service, after, {
      ...terms,
      ...(scheduler === undefined ? {} : { scheduler }),
      ...(flags === undefined ? {} : { flags }),
    }),
  )
  io.err(unknownOf(service.scheduler, destinations))
  if (!values.json) {
    io.out(impactText(service, result))
    return 0
  }
  const place = (server: DestinationStatus | null) => server && { address: server.address, port: server.port }
  const moves = result.moves.map(({ from, to, fraction }) => ({ from: place(from), to: place(to), fraction }))
  io.out(`${toJson({ service: serviceText(service), ...result, moves })}\n`)
  return 0
}
