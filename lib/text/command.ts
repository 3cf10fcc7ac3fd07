// What a line means: its words become a command with typed arguments, checked as ipvsadm checks them.
// SPDX-License-Identifier: MIT

import { isMulticast, parseAddress } from '../address.js'
import type { Daemon, Destination, DestinationKey, Service, ServiceKey, Timeouts } from '../types.js'
import { type HostLookup, needNumber } from './endpoint.js'
import { type Given, LineError } from './scan.js'
import { makeServer, parseServerKey, serverSettings } from './server.js'
import { familyOf, makeService, serviceKeyOf, serviceSettings } from './service.js'

/** A command by its verb. */
export interface RuleOf<Name extends string> {
  /** What is done, as ipvsadm's long options say it; `flush` is --clear, and real servers are destinations. */
  readonly verb: Name
}

/** A command on a service. */
export interface ServiceRule<Name extends string, About> extends RuleOf<Name> {
  /** With its settings where it is added or edited; undefined where --zero names none: all of them. */
  readonly service: About
}

/** A command on a real server. */
export interface DestinationRule<Name extends string, About> extends ServiceRule<Name, ServiceKey> {
  /** With its settings where it is added or edited. */
  readonly destination: About
}

/** A change of the table. The settings of an edit are complete: what a line does not name gets its default. */
export type RuleCommand =
  | ServiceRule<'add-service' | 'edit-service', Service>
  | ServiceRule<'delete-service', ServiceKey>
  | DestinationRule<'add-destination' | 'edit-destination', Destination>
  | DestinationRule<'delete-destination', DestinationKey>
  | RuleOf<'flush'>
  | ServiceRule<'zero', ServiceKey | undefined>
  | (RuleOf<'set'> & {
      /** Those that are not named are kept. */
      readonly timeouts: Partial<Timeouts>
    })
  | (RuleOf<'start-daemon'> & {
      /** With ipvsadm's defaults: interface eth0, id 0. */
      readonly daemon: Daemon
    })
  | (RuleOf<'stop-daemon'> & {
      /** Which of the two. */
      readonly state: Daemon['state']
    })

export type Verb = RuleCommand['verb']

/** What a kernel of 100 ticks a second has room for, and more than ipvsadm's 31 days: save() writes what is there. */
const LONGEST_TIMEOUT = 21_474_836

const timeoutsOf = ({ rest }: Given): Partial<Timeouts> => {
  if (rest.length < 3) throw new LineError('--set needs three timeouts: TCP TCPFIN UDP')
  const [tcp, tcpFin, udp] = rest.map((text) => needNumber('--set', text, 0, LONGEST_TIMEOUT))
  return { ...(tcp ? { tcp } : {}), ...(tcpFin ? { tcpFin } : {}), ...(udp ? { udp } : {}) }
}

const stateOf = ({ argument, command }: Given): Daemon['state'] => {
  if (argument === 'master' || argument === 'backup') return argument
  throw new LineError(`--${command} ${argument}: expected master or backup`)
}

const daemonOf = (given: Given): Daemon => {
  const { values } = given
  const number = (
    slot: 'syncid' | 'sync-maxlen' | 'mcast-port' | 'mcast-ttl',
    least: number,
    most: number,
  ) => {
    const text = values[slot]
    return text === undefined ? undefined : needNumber(`--${slot}`, text, least, most)
  }
  const group = values['mcast-group']
  const address = group === undefined ? undefined : parseAddress(group)
  if (group !== undefined && (address === undefined || !isMulticast(address))) {
    throw new LineError(`--mcast-group ${group}: not a multicast address`)
  }
  return {
    state: stateOf(given),
    interface: values['mcast-interface'] || 'eth0',
    syncId: number('syncid', 0, 255) ?? 0,
    maxLength: number('sync-maxlen', 1, 65535),
    group,
    port: number('mcast-port', 1, 65535),
    ttl: number('mcast-ttl', 1, 255),
  }
}

const serviceOf = (given: Given, host: HostLookup): Service => {
  const key = serviceKeyOf(given, host)
  return makeService(key, serviceSettings(given, familyOf(key), host))
}

/** @throws LineError also where the command changes nothing, such as --list. */
export const commandOf = (given: Given, host: HostLookup): RuleCommand => {
  const { command } = given
  const word = given.rest[command === 'set' ? 3 : 0]
  if (word !== undefined) throw new LineError(`unexpected word '${word}'`)
  switch (command) {
    case 'add-service':
    case 'edit-service':
      return { verb: command, service: serviceOf(given, host) }
    case 'delete-service':
      return { verb: command, service: serviceKeyOf(given, host) }
    case 'add-server':
    case 'edit-server': {
      const service = serviceKeyOf(given, host)
      return {
        verb: command === 'add-server' ? 'add-destination' : 'edit-destination',
        service,
        destination: makeServer(given.values['real-server'] ?? '', service, serverSettings(given), host),
      }
    }
    case 'delete-server': {
      const service = serviceKeyOf(given, host)
      const destination = parseServerKey(given.values['real-server'] ?? '', service, host)
      return { verb: 'delete-destination', service, destination }
    }
    case 'zero': {
      const service = given.values.service === undefined ? undefined : serviceKeyOf(given, host)
      return { verb: command, service }
    }
    case 'clear':
      return { verb: 'flush' }
    case 'set':
      return { verb: command, timeouts: timeoutsOf(given) }
    case 'start-daemon':
      return { verb: command, daemon: daemonOf(given) }
    case 'stop-daemon':
      return { verb: command, state: stateOf(given) }
    default:
      throw new LineError(`--${command} changes nothing`)
  }
}
