// The commands of ipvsadm: what each does and prints, and the status it ends with.
// SPDX-License-Identifier: MIT

import type { IpvsSync } from '../sync.js'
import { commandOf, type RuleCommand } from '../text/command.js'
import type { HostLookup } from '../text/endpoint.js'
import { withHosts } from '../text/hosts.js'
import { performSync } from '../text/perform.js'
import { type Given, LineError, scan } from '../text/scan.js'
import { serviceKeyOf } from '../text/service.js'
import type { ServiceKey, SnapshotService } from '../types.js'
import { isUnusable } from './failure.js'
import { type Io, openSync } from './io.js'
import { toJson } from './json.js'

/** What ipvsadm exits with when the kernel refuses a change: -1. */
const REFUSED = 255
const UNREADABLE = 1
/** When there is no IPVS, or no permission: ipvsadm asks for the version of IPVS before anything else. */
const UNUSABLE = 2

interface Line {
  readonly given: Given
  /** What is to be changed. */
  readonly command?: RuleCommand
  /** What is to be listed. */
  readonly key?: ServiceKey
}

const withTable = async (
  { given }: Line,
  io: Io,
  status: number,
  act: (client: IpvsSync) => number | Promise<number>,
): Promise<number> => {
  let client: IpvsSync
  try {
    client = await openSync(given.values.netns)
  } catch (error) {
    io.err(`ipvs: ${(error as Error).message}\n`)
    return UNUSABLE
  }
  try {
    return await act(client)
  } catch (error) {
    io.err(`ipvs: ${(error as Error).message}\n`)
    return isUnusable(error) ? UNUSABLE : status
  } finally {
    client.close()
  }
}

const change = (line: Line, command: RuleCommand, io: Io): Promise<number> => {
  const { values } = line.given
  if ('service' in command && values.persistent === undefined && values.pe !== undefined) {
    io.err('ipvs: --pe has no effect without -p\n')
  }
  return withTable(line, io, REFUSED, (client) => {
    performSync(client, command)
    return 0
  })
}

const noWords = ({ given }: Line): void => {
  if (given.rest[0] !== undefined) throw new LineError(`unexpected word '${given.rest[0]}'`)
}

const oneService = (client: IpvsSync, key: ServiceKey): SnapshotService => ({
  ...client.services.get(key),
  destinations: client.destinations.list(key),
})

const allServices = (client: IpvsSync, io: Io): readonly SnapshotService[] => {
  const { services, stable } = client.snapshot()
  if (!stable) io.err('ipvs: the table kept changing while it was read; something new may be missing\n')
  return services
}

const list = async (line: Line, io: Io): Promise<number> => {
  noWords(line)
  const { given, key } = line
  const { values } = given
  const has = (slot: keyof Given['values']): boolean => values[slot] !== undefined
  const isOther = has('connection') || has('timeout') || has('daemon')
  const withEngine = has('persistent-conn')
  if (
    (isOther && (has('stats') || has('rate') || has('thresholds'))) ||
    ((has('timeout') || has('daemon')) && withEngine)
  ) {
    throw new LineError(
      '-c, --timeout and --daemon print something else than the table: no columns to choose',
    )
  }
  const json = has('json')
  if (has('connection')) return connections(line, io)
  if (key === undefined && has('ipv6')) throw new LineError('-6 is for firewall marks (-f)')
  // Not loaded for a change, which is done in less time than that takes.
  const { daemonText, listText, views } = await import('./list.js')
  const { labelsOf } = await import('./labels.js')
  return withTable(line, io, UNREADABLE, async (client) => {
    if (has('timeout')) {
      const timeouts = client.timeouts()
      const { tcp, tcpFin, udp } = timeouts
      io.out(json ? `${toJson(timeouts)}\n` : `Timeout (tcp tcpfin udp): ${tcp} ${tcpFin} ${udp}\n`)
      return 0
    }
    if (has('daemon')) {
      const daemons = client.daemons.list()
      io.out(json ? `${toJson(daemons)}\n` : daemons.map(daemonText).join(''))
      return 0
    }
    const info = client.info()
    const services = key === undefined ? allServices(client, io) : [oneService(client, key)]
    if (json) {
      io.out(`${toJson({ ...info, services })}\n`)
      return 0
    }
    const names = await labelsOf(services, has('numeric'))
    const view = views.find((name) => has(name)) ?? 'weights'
    if (key === undefined)
      io.out(`IP Virtual Server version ${info.version} (size=${info.connectionTableSize})\n`)
    io.out(listText(services, { view, exact: has('exact'), sorted: !has('nosort'), names }))
    return 0
  })
}

const connections = async ({ given }: Line, io: Io): Promise<number> => {
  const { values } = given
  const { printConnections } = await import('./connections.js')
  await printConnections(io, values.netns, {
    numeric: values.numeric !== undefined,
    withEngine: values['persistent-conn'] !== undefined,
    json: values.json !== undefined,
  })
  return 0
}

const save = async (line: Line, io: Io): Promise<number> => {
  noWords(line)
  const { formatSorted } = await import('../text/format.js')
  const { labelsOf } = await import('./labels.js')
  return withTable(line, io, UNREADABLE, async (client) => {
    const services = allServices(client, io)
    const names = await labelsOf(services, line.given.values.numeric !== undefined)
    io.out(line.given.values.json === undefined ? formatSorted(services, names) : `${toJson({ services })}\n`)
    return 0
  })
}

const restore = async (line: Line, io: Io): Promise<number> => {
  noWords(line)
  const { restoreLines } = await import('./restore.js')
  return restoreLines(io, line.given.values.netns)
}

const version = async (): Promise<string> => {
  const { readFileSync } = await import('node:fs')
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return `ipvs ${version}\n`
}

const help = async (io: Io): Promise<number> => {
  io.out((await import('./usage.js')).usage())
  return 0
}

const run = async (line: Line, io: Io): Promise<number> => {
  switch (line.given.command) {
    case 'list':
      return list(line, io)
    case 'save':
      return save(line, io)
    case 'restore':
      return restore(line, io)
    case 'help':
      return help(io)
    case 'version':
      io.out(await version())
      return 0
    default:
      return line.command === undefined ? 0 : change(line, line.command, io)
  }
}

const understand = (given: Given, host: HostLookup): Line => {
  switch (given.command) {
    case 'list':
      return given.values.service === undefined ? { given } : { given, key: serviceKeyOf(given, host) }
    case 'save':
    case 'restore':
    case 'help':
    case 'version':
      return { given }
    default:
      return { given, command: commandOf(given, host) }
  }
}

/** Runs one command of ipvsadm; a LineError tells what is wrong with it. */
export const table = async (argv: readonly string[], io: Io): Promise<number> => {
  const given = scan(argv)
  return run(await withHosts((host) => understand(given, host)), io)
}
