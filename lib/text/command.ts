// What a line means: its words become a command with typed arguments, checked as ipvsadm checks them.
// SPDX-License-Identifier: MIT

import { isMulticast, parseAddress } from '../address.js'
import type { Daemon, Destination, DestinationKey, Service, ServiceKey, Timeouts } from '../types.js'
import { type HostLookup, needNumber } from './endpoint.js'
import { type Given, LineError } from './scan.js'
import { makeServer, parseServerKey, serverSettings } from './server.js'
import { familyOf, makeService, serviceKeyOf, serviceSettings } from './service.js'

/** A change of the table. The settings of an edit are complete: what a line does not name gets its default. */
export type RuleCommand =
  | { readonly verb: 'add-service' | 'edit-service'; readonly service: Service }
  | { readonly verb: 'delete-service'; readonly service: ServiceKey }
  | {
      readonly verb: 'add-destination' | 'edit-destination'
      readonly service: ServiceKey
      readonly destination: Destination
    }
  | {
      readonly verb: 'delete-destination'
      readonly service: ServiceKey
      readonly destination: DestinationKey
    }
  | { readonly verb: 'flush' }
  | { readonly verb: 'zero'; readonly service: ServiceKey | undefined }
  /** Timeouts that are not named are kept. */
  | { readonly verb: 'set'; readonly timeouts: Partial<Timeouts> }
  | { readonly verb: 'start-daemon'; readonly daemon: Daemon }
  | { readonly verb: 'stop-daemon'; readonly state: Daemon['state'] }

export type Verb = RuleCommand['verb']

const LONGEST_TIMEOUT = 86_400 * 31

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
