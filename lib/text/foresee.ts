// Which rules the kernel would refuse, given what is in its table: found before the first is sent.
// SPDX-License-Identifier: MIT

import { AF_INET6 } from '../abi.js'
import { formatAddress, parseAddress } from '../address.js'
import type { DaemonStatus, DestinationKey, ServiceKey, Snapshot } from '../types.js'
import type { RuleCommand } from './command.js'

type State = DaemonStatus['state']

/** IPv6 addresses have many spellings. */
const spelled = (address: string): string => {
  const bytes = address.includes(':') ? parseAddress(address) : undefined
  return bytes === undefined ? address : formatAddress(bytes, AF_INET6)
}

const nameOf = (key: ServiceKey): string =>
  key.fwmark !== undefined
    ? `${key.fwmark} ${key.family ?? 'ipv4'}`
    : `${key.protocol} ${spelled(key.address)} ${key.port}`

/** Real servers of one service. Nearly always an address has one port: no name has to be made of both. */
class Servers {
  readonly #ports = new Map<string, number | Set<number>>()

  has({ address, port = 0 }: DestinationKey): boolean {
    const ports = this.#ports.get(spelled(address))
    return typeof ports === 'object' ? ports.has(port) : ports === port
  }

  /** False when it was there. */
  add({ address, port = 0 }: DestinationKey): boolean {
    const name = spelled(address)
    const ports = this.#ports.get(name)
    if (ports === undefined) this.#ports.set(name, port)
    else if (typeof ports === 'number') {
      if (ports === port) return false
      this.#ports.set(name, new Set([ports, port]))
    } else {
      if (ports.has(port)) return false
      ports.add(port)
    }
    return true
  }

  /** False when it was not there. */
  delete(key: DestinationKey): boolean {
    if (!this.has(key)) return false
    const name = spelled(key.address)
    const ports = this.#ports.get(name)
    if (typeof ports === 'object') ports.delete(key.port ?? 0)
    else this.#ports.delete(name)
    return true
  }
}

/**
 * The keys of a table as it will be after the rules so far. What schedulers, addresses and memory make of a rule cannot
 * be foreseen, nor what others change meanwhile.
 */
export class Foreseen {
  readonly #services = new Map<string, Servers>()
  readonly #daemons: Set<State>
  readonly #clear: boolean
  /** Daemons that no rule has spoken of. */
  readonly #untouched: Set<State>
  readonly #restart: State[] = []
  #last: { readonly key: ServiceKey; readonly name: string } | undefined

  /** `clear`: a daemon that runs, and that the rules start without having stopped it, will be stopped first. */
  constructor(
    { services }: Pick<Snapshot, 'services'>,
    daemons: readonly Pick<DaemonStatus, 'state'>[],
    clear = false,
  ) {
    for (const service of services) {
      const servers = new Servers()
      for (const destination of service.destinations) servers.add(destination)
      this.#services.set(nameOf(service), servers)
    }
    this.#daemons = new Set(daemons.map(({ state }) => state))
    this.#untouched = new Set(this.#daemons)
    this.#clear = clear
  }

  /** Daemons that have to be stopped before the rules are carried out. */
  get restart(): readonly State[] {
    return this.#restart
  }

  /** Applies a command, or says why the kernel would not. */
  apply(command: RuleCommand): string | undefined {
    switch (command.verb) {
      case 'flush':
        this.#services.clear()
        return undefined
      case 'set':
        return undefined
      case 'start-daemon':
        return this.#start(command.daemon.state)
      case 'stop-daemon':
        this.#untouched.delete(command.state)
        return this.#daemons.delete(command.state) ? undefined : `no ${command.state} daemon is running`
      case 'zero':
        return command.service === undefined ? undefined : this.#missing(command.service)
      case 'add-service': {
        const name = this.#name(command.service)
        if (this.#services.has(name)) return 'the service exists already'
        this.#services.set(name, new Servers())
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

  #start(state: State): string | undefined {
    const isFirst = this.#untouched.delete(state)
    if (isFirst && this.#clear) this.#restart.push(state)
    else if (this.#daemons.has(state)) return `a ${state} daemon runs already`
    this.#daemons.add(state)
    return undefined
  }

  #server(
    verb: 'add-destination' | 'edit-destination' | 'delete-destination',
    key: ServiceKey,
    destination: DestinationKey,
  ): string | undefined {
    const servers = this.#services.get(this.#name(key))
    if (servers === undefined) return noService
    if (verb !== 'add-destination') {
      const found = verb === 'delete-destination' ? servers.delete(destination) : servers.has(destination)
      return found ? undefined : 'the service has no such real server'
    }
    return servers.add(destination) ? undefined : 'the service has this real server already'
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
