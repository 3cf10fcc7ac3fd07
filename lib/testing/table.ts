// The table of the IPVS in memory: services with their real servers, and what the kernel keeps of deleted ones.
// SPDX-License-Identifier: MIT

import { AF_INET, AF_INET6, type WireDestination, type WireService } from '../abi.js'
import type { Stats } from '../types.js'

/** Counters and rates, counted up and set to zero in place. */
export type Counters = { -readonly [K in keyof Stats]: Stats[K] }

export const noCounters = (): Counters => ({
  conns: 0n,
  inPkts: 0n,
  outPkts: 0n,
  inBytes: 0n,
  outBytes: 0n,
  cps: 0,
  inPps: 0,
  outPps: 0,
  inBps: 0,
  outBps: 0,
})

/** Addresses have 16 bytes, of which IPv4 uses the first four. */
interface ServiceIdentity {
  readonly family: number
  readonly protocol: number
  readonly address: Uint8Array
  readonly port: number
  /** 0: none. */
  readonly fwmark: number
}

export interface ServiceSettings {
  scheduler: string
  engine: string
  flags: number
  /** Seconds. */
  timeout: number
  netmask: number
}

export interface ServiceEntry extends ServiceIdentity, ServiceSettings {
  counters: Counters
  /** Newest first. */
  destinations: DestinationEntry[]
}

interface DestinationIdentity {
  readonly family: number
  readonly address: Uint8Array
  readonly port: number
}

interface DestinationSettings {
  forwarding: number
  weight: number
  upperThreshold: number
  lowerThreshold: number
  tunnelType: number
  tunnelPort: number
  tunnelFlags: number
}

export interface DestinationEntry extends DestinationIdentity, DestinationSettings {
  /** The service that it was last added to. */
  service: ServiceEntry
  counters: Counters
  activeConns: number
  inactiveConns: number
  persistentConns: number
}

const TCP = 6

/** What is left of an address when its family is known. */
export const addressOf = (address: WireService['address'], family: number): Uint8Array => {
  const kept = new Uint8Array(16)
  if (typeof address === 'number') new DataView(kept.buffer).setInt32(0, address, false)
  else if (address !== undefined) kept.set(address.subarray(0, family === AF_INET ? 4 : 16))
  return kept
}

/** A firewall mark comes before everything else; mark 0 is none, and leaves TCP to no address and port. */
export const serviceIdentity = ({
  family = 0,
  protocol = 0,
  address,
  port = 0,
  fwmark,
}: WireService): ServiceIdentity =>
  fwmark === undefined
    ? { family, protocol, address: addressOf(address, family), port, fwmark: 0 }
    : { family, protocol: TCP, address: new Uint8Array(16), port: 0, fwmark }

export const destinationIdentity = (
  { address, port = 0, family }: WireDestination,
  serviceFamily: number,
): DestinationIdentity => {
  const own = family || serviceFamily
  return { family: own, address: addressOf(address, own), port }
}

const keyOf = ({ family, protocol, address, port, fwmark }: ServiceIdentity): string =>
  fwmark === 0 ? `${family} ${protocol} ${address} ${port}` : `mark ${family} ${fwmark}`

const same = (a: DestinationIdentity, b: DestinationIdentity): boolean =>
  a.family === b.family && a.port === b.port && a.address.every((byte, i) => byte === b.address[i])

/** FNV-1a: an order that has nothing to do with that of the changes, as the kernel's hash table has none. */
const hashOf = (key: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193) >>> 0
  return hash
}

export class Table {
  readonly #services = new Map<string, ServiceEntry>()
  /**
   * Deleted real servers. The kernel keeps them for two minutes and more; here they stay. Added again to the service
   * of the same name they come back, with their counters if it is still the same service.
   */
  #trash: DestinationEntry[] = []

  find(identity: ServiceIdentity): ServiceEntry | undefined {
    return this.#services.get(keyOf(identity))
  }

  /** Services of firewall marks come last. */
  services(): readonly ServiceEntry[] {
    const hashed = [...this.#services].map(([key, service]) => ({ service, hash: hashOf(key) }))
    hashed.sort((a, b) => Math.sign(a.service.fwmark) - Math.sign(b.service.fwmark) || a.hash - b.hash)
    return hashed.map(({ service }) => service)
  }

  add(identity: ServiceIdentity, settings: ServiceSettings): void {
    this.#services.set(keyOf(identity), {
      ...identity,
      ...settings,
      counters: noCounters(),
      destinations: [],
    })
  }

  delete(service: ServiceEntry): void {
    this.#services.delete(keyOf(service))
    for (const destination of [...service.destinations]) this.deleteDestination(destination)
  }

  flush(): void {
    for (const service of this.services()) this.delete(service)
  }

  zero(service: ServiceEntry): void {
    service.counters = noCounters()
    for (const destination of service.destinations) destination.counters = noCounters()
  }

  findDestination(service: ServiceEntry, identity: DestinationIdentity): DestinationEntry | undefined {
    return service.destinations.find((destination) => same(destination, identity))
  }

  /** Takes a deleted real server back; false when there is none like it. */
  restore(service: ServiceEntry, identity: DestinationIdentity, settings: DestinationSettings): boolean {
    const found = this.#trash.find((old) => keyOf(old.service) === keyOf(service) && same(old, identity))
    if (found === undefined) return false
    this.#trash = this.#trash.filter((old) => old !== found)
    if (found.service !== service) found.counters = noCounters()
    found.service = service
    service.destinations.unshift(Object.assign(found, settings))
    return true
  }

  addDestination(service: ServiceEntry, identity: DestinationIdentity, settings: DestinationSettings): void {
    service.destinations.unshift({
      ...identity,
      ...settings,
      service,
      counters: noCounters(),
      activeConns: 0,
      inactiveConns: 0,
      persistentConns: 0,
    })
  }

  deleteDestination(destination: DestinationEntry): void {
    const { service } = destination
    service.destinations = service.destinations.filter((other) => other !== destination)
    this.#trash.unshift(destination)
  }

  /** Some real server is of another family than its service. */
  get mixed(): boolean {
    return [...this.#services.values()].some(({ family, destinations }) =>
      destinations.some((destination) => destination.family !== family),
    )
  }
}

/** The kinds of addresses that the kernel takes for real servers: unicast, as it sees it. */
export const isUsable = (family: number, address: Uint8Array, loopback: boolean): boolean =>
  family === AF_INET6 ? isUsable6(address) : loopback && isUsable4(address)

/** Without `lo` up there is no table of local routes, and every address counts as broadcast. */
const isUsable4 = (address: Uint8Array): boolean => {
  const [a = 0, b, c, d] = address
  if (a === 127) return !(b === 255 && c === 255 && d === 255) // the broadcast address of lo's network
  return (a & 0xf0) !== 0xe0 && address.subarray(0, 4).join() !== '255,255,255,255' && !isZero(address)
}

const isUsable6 = (address: Uint8Array): boolean => {
  const [first = 0, second = 0] = address
  if (first === 0xff) return false
  if (first === 0xfe && (second & 0xc0) === 0x80) return false // link-local, and no interface has it
  const mapped = isZero(address.subarray(0, 10)) && address[10] === 0xff && address[11] === 0xff
  return !mapped && !isZero(address)
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)
