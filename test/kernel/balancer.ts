// A client, a director that masquerades, and real servers, each in a network namespace, with real connections.
// SPDX-License-Identifier: MIT

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { Ipvs, ServiceKey, ServiceSettings } from '../../lib/index.ts'
import { makeNamespace, type Namespace, namespace, open } from './namespace.ts'

export const web = { protocol: 'tcp', address: '192.0.2.10', port: 80 } as const
export const dns = { protocol: 'udp', address: '192.0.2.10', port: 53 } as const
export const servers = ['10.0.0.1', '10.0.0.2', '10.0.0.3'] as const
export type ServerAddress = (typeof servers)[number]
/** A real server's identity. */
export const at = (address: string) => ({ address, port: 8080 })

/** Commands of `ip` in a namespace, in one process. */
export const configure = ({ name }: Namespace, commands: readonly string[]): void =>
  void execFileSync('ip', ['-n', name, '-batch', '-'], { input: commands.join('\n') })

/** A link between two namespaces, with its ends up. */
export const wire = (one: Namespace, oneEnd: string, other: Namespace, otherEnd: string): void => {
  configure(one, [
    `link add name ${oneEnd} type veth peer name ${otherEnd} netns ${other.name}`,
    `link set dev ${oneEnd} up`,
  ])
  configure(other, [`link set dev ${otherEnd} up`])
}

const start = async (netns: Namespace, ...args: readonly string[]): Promise<ChildProcess> => {
  const script = fileURLToPath(new URL('peers.mjs', import.meta.url))
  const child = spawn('ip', ['netns', 'exec', netns.name, process.execPath, script, ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  await once(child, 'message')
  return child
}

const stop = async (child: ChildProcess): Promise<void> => {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

/** A process of peers.mjs in a namespace, ready; it ends with the test. */
export const peer = async (netns: Namespace, ...args: readonly string[]): Promise<ChildProcess> => {
  const child = await start(netns, ...args)
  onTestFinished(() => stop(child))
  return child
}

export interface Balancer {
  readonly ipvs: Ipvs
  readonly director: Namespace
  /** Tells the client to do something, see peers.mjs. */
  readonly client: Client
  /** Of the director's net.ipv4.vs. */
  sysctl(name: string, value: number): void
}

interface Client {
  open(count: number): Promise<string[]>
  talk(): Promise<{ readonly alive: number; readonly broken: number }>
  close(server: string, count: number, how: 'reset' | 'end'): Promise<number>
  halfClose(): Promise<void>
  received(): Promise<number>
  ask(port: number): Promise<string | null>
  stream(perSecond: number, seconds: number): Promise<number>
  forget(): Promise<void>
  again(port: number): Promise<{ readonly server: string; readonly retransmissions: number }>
}

/** The verbs of a client in such a process. */
export const clientOf = (child: ChildProcess): Client =>
  new Proxy({} as Client, {
    get:
      (_, verb: string) =>
      async (...args: readonly (string | number)[]) => {
        const reply = once(child, 'message')
        child.send([verb, ...args])
        const [{ result, error }] = (await reply) as [{ result: unknown; error?: string }]
        if (error !== undefined) throw new Error(error)
        return result
      },
  })

export interface Network {
  /** Of the client. */
  readonly front: Namespace
  readonly director: Namespace
  /** Of the real servers. */
  readonly back: Namespace
}

/** The servers' addresses, wherever the link to the director goes. */
const address = (back: Namespace): void =>
  configure(
    back,
    servers.map((server) => `address add ${server}/32 dev lo`),
  )

/** Puts a director between the two; the VIP is its, and the servers answer through it. */
const lay = ({ front, director, back }: Network): void => {
  wire(director, 'front', front, 'eth0')
  wire(director, 'back', back, 'eth0')
  configure(front, ['address add 192.0.2.2/24 dev eth0'])
  configure(director, [
    'address add 192.0.2.1/24 dev front',
    'address add 192.0.2.10/32 dev front',
    'address add 10.0.0.254/24 dev back',
  ])
  director.exec('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv4.conf.all.rp_filter=0')
  configure(back, ['route add 10.0.0.0/24 dev eth0', 'route add default via 10.0.0.254'])
}

/** The three namespaces of a test. */
export const network = (): Network => {
  const made = { front: namespace(), director: namespace(), back: namespace() }
  address(made.back)
  lay(made)
  return made
}

/**
 * The client and the real servers: the processes of the first test serve the others of this process too, each with a
 * director of its own. They end with this process.
 */
const startEnds = async () => {
  const [front, back] = [makeNamespace(), makeNamespace()]
  address(back)
  const children = await Promise.all([start(front, 'client'), start(back, 'servers', ...servers)])
  for (const child of children) {
    child.unref()
    child.channel?.unref()
  }
  return { front, back, client: clientOf(children[0]) }
}
let ends: ReturnType<typeof startEnds> | undefined

/** A service with the three servers, each of weight 5, and the network around it. */
export const balancer = async (
  service: ServiceKey = web,
  settings: ServiceSettings = { scheduler: 'rr' },
  addresses: readonly string[] = servers,
): Promise<Balancer> => {
  ends ??= startEnds()
  const { front, back, client } = await ends
  const director = namespace()
  onTestFinished(async () => {
    await client.forget() // While there is a way for the resets.
    configure(director, ['link delete front', 'link delete back'])
  })
  lay({ front, director, back })
  const ipvs = await open(director.path)
  await Promise.all([
    ipvs.services.add({ ...service, ...settings }),
    ...addresses.map((address) =>
      ipvs.destinations.add(service, { ...at(address), forwarding: 'masquerading', weight: 5 }),
    ),
  ])
  return {
    ipvs,
    director,
    client,
    sysctl: (name, value) => void director.exec('sysctl', '-qw', `net.ipv4.vs.${name}=${value}`),
  }
}
