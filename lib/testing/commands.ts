// What each command does to the IPVS in memory, in the order in which the kernel checks: ip_vs_genl_set_cmd() and _get_cmd().
// SPDX-License-Identifier: MIT

import type { WireDestination, WireMessage, WireService } from '../abi.js'
import {
  AF_INET,
  AF_INET6,
  type Command,
  FORWARDING_MASK,
  forwardings,
  serviceFlags,
  tunnelTypes,
} from '../abi.js'
import type { Errno } from '../errno.js'
import { littleEndian, type Writer } from '../netlink/attr.js'
import { attributesIn, notModelled, readDestination, readService } from './attributes.js'
import { Daemons } from './daemons.js'
import { writeDaemon, writeDestination, writeInfo, writeService, writeTimeouts } from './replies.js'
import {
  destinationIdentity,
  isUsable,
  type ServiceEntry,
  type ServiceSettings,
  serviceIdentity,
  Table,
} from './table.js'

/** The system around the table. */
export interface Surroundings {
  readonly schedulers: ReadonlySet<string>
  readonly engines: ReadonlySet<string>
  /** The MTU of each network interface. */
  readonly interfaces: ReadonlyMap<string, number>
  readonly ipv6: boolean
  readonly loopback: boolean
  readonly connectionTableSize: number
}

/** One message of an answer. */
export interface Answer {
  readonly command: Command
  readonly write: (out: Writer) => void
}

/** What a command comes to: a refusal, or any number of answers. */
export type Result = Errno | readonly Answer[]

const done: Result = []
const INT_MAX = 0x7fffffff
/** Ticks per second, which the kernel counts timeouts in: as it was configured. */
const UINT_MAX = 0xffffffff
const [SLOWEST, FASTEST] = [100, 1000]
const VERSION = 0x010201
const [SERVICE, DESTINATION, DAEMON] = [1, 2, 3]
const timeoutIds = { timeoutTcp: 4, timeoutTcpFin: 5, timeoutUdp: 6 } as const

const dumps: ReadonlySet<Command> = new Set(['getService', 'getDest', 'getDaemon'])
const dumpsOnly: ReadonlySet<Command> = new Set(['getDest', 'getDaemon'])

interface Found {
  readonly wire: WireService
  readonly service: ServiceEntry | undefined
}

export class Commands {
  readonly table = new Table()
  readonly #daemons: Daemons
  readonly #timeouts = { timeoutTcp: 900, timeoutTcpFin: 120, timeoutUdp: 300 }
  readonly #surroundings: Surroundings

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings
    this.#daemons = new Daemons(surroundings)
  }

  /** Whether there is a module ip_vs_NAME; those of engines are named pe_ENGINE. */
  knows(name: string): boolean {
    const { schedulers, engines } = this.#surroundings
    if (name.startsWith('pe_')) return engines.has(name.slice('pe_'.length))
    return name === 'none' || schedulers.has(name)
  }

  /** False for what the kernel has no handler for. */
  offers(command: Command, dump: boolean): boolean {
    return command !== 'setInfo' && (dump ? dumps.has(command) : !dumpsOnly.has(command))
  }

  carryOut(command: Command, dump: boolean, payload: Uint8Array): Result {
    const attributes = topLevel(payload)
    return dump ? this.#dump(command, attributes) : this.#do(command, attributes)
  }

  #dump(command: Command, attributes: ReadonlyMap<number, Uint8Array>): Result {
    if (command === 'getDaemon') {
      return this.#daemons.list().map((daemon) => ({
        command: 'newDaemon',
        write: (out) => writeDaemon(out, daemon),
      }))
    }
    if (command === 'getService') return this.table.services().map(serviceAnswer) // whatever was named
    // A service that is missing, or not even named, has no real servers.
    const found = this.#find(attributes.get(SERVICE), false)
    if (typeof found === 'string' || found.service === undefined) return []
    return found.service.destinations.map((destination) => ({
      command: 'newDest',
      write: (out) => writeDestination(out, destination),
    }))
  }

  #do(command: Command, attributes: ReadonlyMap<number, Uint8Array>): Result {
    const service = attributes.get(SERVICE)
    if (command === 'getInfo') return [{ command: 'setInfo', write: (out) => writeInfo(out, this.#info()) }]
    if (command === 'getConfig') {
      return [{ command: 'setConfig', write: (out) => writeTimeouts(out, this.#timeouts) }]
    }
    if (command === 'newDaemon') return this.#daemons.start(attributes.get(DAEMON), this.table.mixed) ?? done
    if (command === 'delDaemon') return this.#daemons.stop(attributes.get(DAEMON)) ?? done
    if (command === 'setConfig') return this.#setTimeouts(attributes) ?? done
    if (command === 'flush') {
      this.table.flush()
      return done
    }
    if (command === 'zero' && service === undefined) {
      for (const each of this.table.services()) this.table.zero(each)
      return done
    }
    const complete = command === 'newService' || command === 'setService'
    const found = this.#find(service, complete)
    if (typeof found === 'string') return found
    if (command === 'newService') return this.#addService(found) ?? done
    if (found.service === undefined) return 'ESRCH'
    return this.#toService(command, found.service, found.wire, attributes.get(DESTINATION))
  }

  /** A command about a service that is there. */
  #toService(
    command: Command,
    service: ServiceEntry,
    wire: WireService,
    destination: Uint8Array | undefined,
  ): Result {
    switch (command) {
      case 'getService':
        return [serviceAnswer(service)]
      case 'setService':
        return this.#editService(service, wire) ?? done
      case 'delService':
        this.table.delete(service)
        return done
      case 'zero':
        this.table.zero(service)
        return done
      case 'newDest':
      case 'setDest':
      case 'delDest':
        return this.#destination(command, service, destination) ?? done
      default:
        throw notModelled(command)
    }
  }

  #info() {
    return { version: VERSION, connectionTableSize: this.#surroundings.connectionTableSize }
  }

  #isFamily(family: number | undefined): boolean {
    return family === AF_INET || (family === AF_INET6 && this.#surroundings.ipv6)
  }

  /** The service that a request names, whether it is there or not. */
  #find(payload: Uint8Array | undefined, complete: boolean): Errno | Found {
    const wire = payload && readService(payload)
    if (wire === undefined) return 'EINVAL'
    const { family, protocol, address, port, fwmark } = wire
    const named = protocol !== undefined && address !== undefined && port !== undefined
    if (family === undefined || (fwmark === undefined && !named)) return 'EINVAL'
    if (!this.#isFamily(family)) return 'EAFNOSUPPORT'
    const { scheduler, flags, timeout, netmask } = wire
    if (complete && [scheduler, flags, timeout, netmask].includes(undefined)) return 'EINVAL'
    return { wire, service: this.table.find(serviceIdentity(wire)) }
  }

  #addService({ wire, service }: Found): Errno | undefined {
    if (service !== undefined) return 'EEXIST'
    const fault = this.#serviceFault(wire)
    if (fault === undefined) this.table.add(serviceIdentity(wire), settingsOf(wire, 0))
    return fault
  }

  #editService(service: ServiceEntry, wire: WireService): Errno | undefined {
    const fault = this.#serviceFault(wire)
    if (fault === undefined) Object.assign(service, settingsOf(wire, service.flags))
    return fault
  }

  #serviceFault({ family, scheduler = '', engine = '', netmask = 0 }: WireService): Errno | undefined {
    const { schedulers, engines } = this.#surroundings
    if (scheduler !== 'none' && !schedulers.has(scheduler)) return 'ENOENT'
    if (engine !== '' && !engines.has(engine)) return 'ENOENT'
    return family === AF_INET6 && (netmask < 1 || netmask > 128) ? 'EINVAL' : undefined
  }

  #destination(
    command: 'newDest' | 'setDest' | 'delDest',
    service: ServiceEntry,
    payload: Uint8Array | undefined,
  ): Errno | undefined {
    const wire = payload && readDestination(payload)
    if (wire?.address === undefined || wire.port === undefined) return 'EINVAL'
    const { forwarding, weight, upperThreshold, lowerThreshold } = wire
    const deletes = command === 'delDest'
    if (!deletes && [forwarding, weight, upperThreshold, lowerThreshold].includes(undefined)) return 'EINVAL'
    const identity = destinationIdentity(wire, service.family)
    if (!this.#isFamily(identity.family)) return 'EAFNOSUPPORT'
    const settings = destinationSettings(wire)
    if (!deletes) {
      // The synchronisation protocol knows one family only, and other methods than tunneling do too.
      const mixed = identity.family !== service.family
      if (mixed && (this.#daemons.running || settings.forwarding !== forwardings.tunneling)) return 'EINVAL'
      const fault = destinationFault(settings)
      if (fault !== undefined) return fault
    }
    const found = this.table.findDestination(service, identity)
    if (command === 'newDest') {
      if (found !== undefined) return 'EEXIST'
      if (this.table.restore(service, identity, settings)) return undefined // its address is not looked at again
      if (!isUsable(identity.family, identity.address, this.#surroundings.loopback)) return 'EINVAL'
      this.table.addDestination(service, identity, settings)
      return undefined
    }
    if (found === undefined) return 'ENOENT'
    if (deletes) this.table.deleteDestination(found)
    else Object.assign(found, settings)
    return undefined
  }

  /** Absent and 0 keep what is there. */
  #setTimeouts(attributes: ReadonlyMap<number, Uint8Array>): Errno | undefined {
    const wanted: WireMessage = Object.fromEntries(
      Object.entries(timeoutIds).map(([name, id]) => [name, secondsIn(attributes.get(id), name)]),
    )
    const seconds = Object.entries(wanted) as [keyof typeof timeoutIds, number][]
    if (seconds.some(([, value]) => value > INT_MAX / SLOWEST)) return 'EINVAL'
    for (const [name, value] of seconds) {
      if (value > INT_MAX / FASTEST)
        throw notModelled(`${name} of ${value} s, which depends on the kernel's HZ,`)
    }
    for (const [name, value] of seconds) if (value !== 0) this.#timeouts[name] = value
    return undefined
  }
}

const serviceAnswer = (service: ServiceEntry): Answer => ({
  command: 'newService',
  write: (out) => writeService(out, service),
})

/** The attributes of the top level; of them too, what nobody knows is not guessed at. */
const topLevel = (payload: Uint8Array): ReadonlyMap<number, Uint8Array> => {
  const attributes = attributesIn(payload)
  for (const id of attributes.keys()) {
    if (id < SERVICE || id > timeoutIds.timeoutUdp) throw notModelled(`top-level attribute ${id}`)
  }
  return attributes
}

const secondsIn = (payload: Uint8Array | undefined, name: string): number => {
  if (payload === undefined) return 0
  if (payload.length !== 4) throw notModelled(`attribute ${name} of ${payload.length} bytes instead of 4`)
  return new DataView(payload.buffer, payload.byteOffset, 4).getUint32(0, littleEndian)
}

/** A service as it will be: of the flags, those under the mask; HASHED is the kernel's own. */
const settingsOf = (wire: WireService, before: number): ServiceSettings => {
  const { scheduler = '', engine = '', flags = { value: 0, mask: 0 }, timeout = 0, netmask = 0 } = wire
  const named = (before & ~flags.mask) | (flags.value & flags.mask)
  if (timeout > UINT_MAX / FASTEST)
    throw notModelled(`persistence of ${timeout} s, which depends on the kernel's HZ,`)
  return {
    scheduler,
    engine,
    flags: (named | serviceFlags.hashed) >>> 0,
    timeout,
    netmask,
  }
}

/** What is absent becomes 0: the kernel replaces a real server as a whole. */
const destinationSettings = ({
  forwarding = 0,
  weight = 0,
  upperThreshold = 0,
  lowerThreshold = 0,
  tunnelType = 0,
  tunnelPort = 0,
  tunnelFlags = 0,
}: WireDestination) => ({
  forwarding: forwarding & FORWARDING_MASK,
  weight,
  upperThreshold,
  lowerThreshold,
  tunnelType,
  tunnelPort,
  tunnelFlags,
})

const destinationFault = (settings: ReturnType<typeof destinationSettings>): Errno | undefined => {
  const { weight, upperThreshold, lowerThreshold, tunnelType, tunnelPort } = settings
  if (weight < 0 || lowerThreshold > upperThreshold) return 'ERANGE'
  if (upperThreshold > INT_MAX) throw notModelled('upperThreshold above 2147483647, where kernels differ,')
  return tunnelType === tunnelTypes.gue && tunnelPort === 0 ? 'EINVAL' : undefined
}
