// Which rules the kernel would refuse, given what is in its table: found before the first is sent.
// SPDX-License-Identifier: MIT

import { AF_INET6 } from '../abi.js'
import { formatAddress, parseAddress } from '../address.js'
import type { DaemonStatus, DestinationKey, ServiceKey, Snapshot } from '../types.js'
import type { RuleCommand } from './command.js'
import type { Rule } from './parse.js'

/** IPv6 addresses have many spellings. */
const spelled = (address: string): string => {
  const bytes = address.includes(':') ? parseAddress(address) : undefined
  return bytes === undefined ? address : formatAddress(bytes, AF_INET6)
}

const nameOf = (key: ServiceKey): string =>
  key.fwmark !== undefined
    ? `${key.fwmark} ${key.family ?? 'ipv4'}`
    : `${key.protocol} ${spelled(key.address)} ${key.port}`

const serverName = ({ address, port }: DestinationKey): string => `${spelled(address)} ${port}`

type Servers = Set<string>

/** The keys of a table as it will be after the rules so far. */
class Table {
  readonly #services = new Map<string, Servers>()
  readonly #daemons: Set<string>
  #last: { readonly key: ServiceKey; readonly name: string } | undefined

  constructor({ services }: Pick<Snapshot, 'services'>, daemons: readonly DaemonStatus[]) {
    for (const service of services) {
      this.#services.set(nameOf(service), new Set(service.destinations.map(serverName)))
    }
    this.#daemons = new Set(daemons.map(({ state }) => state))
  }

  /** Applies a command, or says why the kernel would not. */
  apply(command: RuleCommand): string | undefined {
    switch (command.verb) {
      case 'clear':
        this.#services.clear()
        return undefined
      case 'set':
        return undefined
      case 'start-daemon':
        if (this.#daemons.has(command.daemon.state)) return `a ${command.daemon.state} daemon runs already`
        this.#daemons.add(command.daemon.state)
        return undefined
      case 'stop-daemon':
        return this.#daemons.delete(command.state) ? undefined : `no ${command.state} daemon is running`
      case 'zero':
        return command.service === undefined ? undefined : this.#missing(command.service)
      case 'add-service': {
        const name = this.#name(command.service)
        if (this.#services.has(name)) return 'the service exists already'
        this.#services.set(name, new Set())
        return undefined
      }
      case 'edit-service':
        return this.#missing(command.service)
      case 'delete-service':
        return this.#services.delete(this.#name(command.service)) ? undefined : noService
      default:
        return this.#server(command.verb, command.service, command.destination)
    }
  }

  #server(
    verb: 'add-server' | 'edit-server' | 'delete-server',
    key: ServiceKey,
    destination: DestinationKey,
  ): string | undefined {
    const servers = this.#services.get(this.#name(key))
    if (servers === undefined) return noService
    const server = serverName(destination)
    if (verb !== 'add-server') {
      const found = verb === 'delete-server' ? servers.delete(server) : servers.has(server)
      return found ? undefined : 'the service has no such real server'
    }
    if (servers.has(server)) return 'the service has this real server already'
    servers.add(server)
    return undefined
  }

  #missing(key: ServiceKey): string | undefined {
    return this.#services.has(this.#name(key)) ? undefined : noService
  }

  /** Rules of one service come together and share its key. */
  #name(key: ServiceKey): string {
    if (this.#last?.key !== key) this.#last = { key, name: nameOf(key) }
    return this.#last.name
  }
}

const noService = 'no such virtual service'

export interface Foreseen {
  readonly rule: Rule
  readonly message: string
}

/** What schedulers, addresses and memory make of a rule cannot be foreseen, nor what others change meanwhile. */
export const foresee = (
  rules: readonly Rule[],
  table: Pick<Snapshot, 'services'>,
  daemons: readonly DaemonStatus[],
): readonly Foreseen[] => {
  const state = new Table(table, daemons)
  const found: Foreseen[] = []
  for (const rule of rules) {
    const message = state.apply(rule.command)
    if (message !== undefined) found.push({ rule, message })
  }
  return found
}
