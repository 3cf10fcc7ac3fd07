// A director in a namespace of its own, clients that are only packets, and where they were sent.
// SPDX-License-Identifier: MIT

import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { Ipvs, type ServiceKey, type ServiceSettings } from '../../lib/index.ts'
import './namespace.ts' // Refuses to run on a kernel that is not disposable.
import { folder, isOurs } from './schedulers-modules.ts'
import { nameOf, type Server, web } from './schedulers-servers.ts'
import { patience } from './slowness.ts'

export interface Clients {
  readonly count?: number
  /** Other clients for another number. */
  readonly seed?: number
  readonly to?: { readonly protocol: string; readonly address: string; readonly port: number }
  /** The port of all; where `from` is given, that of the first connection. */
  readonly sourcePort?: number
  readonly mark?: number
  /** One client with many ports instead of many. */
  readonly from?: string
}

/** An order to spray.cc. */
const orderOf = ({ count = 1000, seed = 1, to = web, sourcePort = 1000, mark = 0, from = '' }: Clients) =>
  [to.address, to.port, count, seed, to.protocol, sourcePort, mark, from].join(' ')

export interface Sprayed {
  readonly taken: number
  readonly refused: number
  readonly seconds: number
}

export interface Endpoint {
  readonly address: string
  readonly port: number
}

export interface Connection {
  readonly protocol: string
  readonly client: Endpoint
  readonly service: Endpoint
  /** As nameOf() has it. */
  readonly server: string
}

interface Filter {
  readonly sourcePort?: number | undefined
  readonly where?: (connection: Connection) => boolean
}

const PATIENCE = 5000

/** Packets to anywhere go into a dummy, after IPVS has seen them. */
const links = `link set lo up
link add out type dummy
link set out arp off up
address add 10.255.255.1/32 dev out
address add 2001:db8:ffff:ffff::1/128 dev out nodad
route add default dev out
route add ::/0 dev out
`

/** Its namespace is that of the process which sends its packets, and ends with it. */
const begin = `ip -batch - <<'END'
${links}END
exec "$0"`

type Sender = ChildProcessByStdio<Writable, Readable, null>

/** A director for a test. */
export const director = async (): Promise<Director> => {
  const made = await Director.begin()
  onTestFinished(() => made.end())
  return made
}

export class Director {
  readonly ipvs: Ipvs
  readonly #sender: Sender
  readonly #answers: AsyncIterator<string>

  private constructor(ipvs: Ipvs, sender: Sender, answers: AsyncIterator<string>) {
    this.ipvs = ipvs
    this.#sender = sender
    this.#answers = answers
  }

  static async begin(): Promise<Director> {
    const sender = spawn('unshare', ['-n', 'sh', '-ec', begin, join(folder, 'spray')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const answers = createInterface(sender.stdout)[Symbol.asyncIterator]()
    sender.stdin.write(`${orderOf({ count: 0 })}\n`)
    await answers.next() // It is inside by now.
    const ipvs = await Ipvs.open({ netns: `/proc/${sender.pid}/ns/net`, deadline: 10_000 * patience })
    return new Director(ipvs, sender, answers)
  }

  /** Whatever is going on. */
  async end(): Promise<void> {
    const ended = once(this.#sender, 'exit')
    this.#sender.kill('SIGKILL')
    await Promise.all([ended, this.ipvs.close()])
  }

  ipvsadm(...words: readonly string[]): string {
    return execFileSync('nsenter', [`--net=/proc/${this.#sender.pid}/ns/net`, 'ipvsadm', ...words], {
      encoding: 'utf8',
    })
  }

  /** Adds a service with its servers, in this order, and waits until the scheduler has settled. */
  async fill(
    scheduler: string,
    servers: readonly Server[],
    service: ServiceKey = web,
    settings: ServiceSettings = {},
  ): Promise<void> {
    const { services, destinations } = this.ipvs
    await Promise.all([
      services.add({ ...service, ...settings, scheduler }),
      ...servers.map((server) => destinations.add(service, server)),
    ])
    await this.settled(scheduler)
  }

  /** A file of the namespace's /proc/net. */
  read(name: string): string {
    return readFileSync(`/proc/${this.#sender.pid}/net/${name}`, 'utf8')
  }

  /** Of the namespace's net.ipv4.vs. */
  sysctl(name: string, value: number): void {
    execFileSync('nsenter', [
      `--net=/proc/${this.#sender.pid}/ns/net`,
      'sysctl',
      '-qw',
      `net.ipv4.vs.${name}=${value}`,
    ])
  }

  /** What our scheduler shows of its services, without the counters of builds: equal where directors choose alike. */
  tables(scheduler: string): string[] {
    return this.#lines(scheduler).map((line) => line.split(' ').slice(0, 8).join(' '))
  }

  #lines(scheduler: string): string[] {
    return this.read(`ip_vs_${scheduler}`).trim().split('\n').slice(1)
  }

  /** True while a table is older than the servers. */
  pending(scheduler: string): boolean {
    return isOurs(scheduler) && this.#lines(scheduler).some((line) => !line.endsWith(' 0'))
  }

  async settled(scheduler: string): Promise<void> {
    while (this.pending(scheduler)) await setTimeout(5)
  }

  /** Sends packets. Orders are carried out in turn. */
  async spray(clients: Clients = {}): Promise<Sprayed> {
    this.#sender.stdin.write(`${orderOf(clients)}\n`)
    const { value, done } = await this.#answers.next()
    if (done) throw new Error('the sender has ended')
    const [taken, refused, seconds] = value.split(' ').map(Number) as [number, number, number]
    return { taken, refused, seconds }
  }

  /**
   * Those of clients with this port, and of which `where` holds. Since 7.1 the kernel moves connections to a larger
   * table meanwhile, and a reader finds some twice or not at all: hence this waits for `count` of them.
   */
  async connections(count: number, { sourcePort, where = () => true }: Filter = {}): Promise<Connection[]> {
    const deadline = Date.now() + PATIENCE
    for (;;) {
      const found = this.#readConnections(sourcePort).filter(where)
      if (found.length === count || Date.now() > deadline) return found
      await setTimeout(100)
    }
  }

  #readConnections(sourcePort?: number): Connection[] {
    const lines = this.read('ip_vs_conn').split('\n').slice(1, -1)
    const port = sourcePort?.toString(16).toUpperCase().padStart(4, '0')
    const found = new Map<string, Connection>()
    for (const line of lines) {
      const [protocol, from, fromPort, to, toPort, server, serverPort] = line.split(/\s+/, 7) as string[]
      if (port !== undefined && port !== fromPort) continue
      found.set(`${protocol} ${from} ${fromPort} ${to} ${toPort}`, {
        protocol: protocol!.toLowerCase(),
        client: endpoint(from!, fromPort!),
        service: endpoint(to!, toPort!),
        server: nameOf(endpoint(server!, serverPort!)),
      })
    }
    return [...found.values()]
  }

  /** The server of each of so many clients with this port. */
  async placement(count: number, sourcePort: number): Promise<Map<string, string>> {
    const connections = await this.connections(count, { sourcePort })
    return new Map(connections.map(({ client, server }) => [client.address, server]))
  }

  /** Sends packets of new clients and tells where they went. Throws if one was refused. */
  async place(sourcePort: number, clients: Clients = {}): Promise<Map<string, string>> {
    const { taken, refused } = await this.spray({ ...clients, sourcePort })
    if (refused !== 0) throw new Error(`${refused} of ${taken + refused} clients were refused`)
    const placement = await this.placement(taken, sourcePort)
    if (placement.size !== taken) throw new Error(`${taken} clients, but ${placement.size} connections`)
    return placement
  }
}

/** `C000020A 0050` or `2001:0db8:…:0010 0050`. */
const endpoint = (address: string, port: string): Endpoint => ({
  address: address.includes(':')
    ? new URL(`http://[${address}]`).hostname.slice(1, -1)
    : address.replace(/../g, (byte) => `.${Number.parseInt(byte, 16)}`).slice(1),
  port: Number.parseInt(port, 16),
})
