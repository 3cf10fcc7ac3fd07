// A client, a director that masquerades, and real servers, each in a network namespace, with real connections.
// SPDX-License-Identifier: MIT

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { Ipvs, ServiceKey, ServiceSettings } from '../../lib/index.ts'
import { type Namespace, namespace, open } from './namespace.ts'

export const web = { protocol: 'tcp', address: '192.0.2.10', port: 80 } as const
export const dns = { protocol: 'udp', address: '192.0.2.10', port: 53 } as const
export const servers = ['10.0.0.1', '10.0.0.2', '10.0.0.3'] as const
export type ServerAddress = (typeof servers)[number]
/** A real server's identity. */
export const at = (address: string) => ({ address, port: 8080 })

const ip = (...args: readonly string[]): void => void execFileSync('ip', args)

const wire = (one: Namespace, oneEnd: string, other: Namespace, otherEnd: string): void => {
  ip('link', 'add', oneEnd, 'netns', one.name, 'type', 'veth', 'peer', otherEnd, 'netns', other.name)
  one.exec('ip', 'link', 'set', oneEnd, 'up')
  other.exec('ip', 'link', 'set', otherEnd, 'up')
}

/** A process of peers.mjs in a namespace, ready; it ends with the test. */
const peer = async (netns: Namespace, ...args: readonly string[]): Promise<ChildProcess> => {
  const script = fileURLToPath(new URL('peers.mjs', import.meta.url))
  const child = spawn('ip', ['netns', 'exec', netns.name, process.execPath, script, ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const ended = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  await once(child, 'message')
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
  again(port: number): Promise<{ readonly server: string; readonly retransmissions: number }>
}

const clientOf = (child: ChildProcess): Client =>
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

/** A service with the three servers, each of weight 5, and the network around it. */
export const balancer = async (
  service: ServiceKey = web,
  settings: ServiceSettings = { scheduler: 'rr' },
  addresses: readonly string[] = servers,
): Promise<Balancer> => {
  const [front, director, back] = [namespace(), namespace(), namespace()]
  wire(front, 'eth0', director, 'front')
  wire(director, 'back', back, 'eth0')
  front.exec('ip', 'address', 'add', '192.0.2.2/24', 'dev', 'eth0')
  director.exec('ip', 'address', 'add', '192.0.2.1/24', 'dev', 'front')
  director.exec('ip', 'address', 'add', '192.0.2.10/32', 'dev', 'front')
  director.exec('ip', 'address', 'add', '10.0.0.254/24', 'dev', 'back')
  director.exec('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv4.conf.all.rp_filter=0')
  for (const address of servers) back.exec('ip', 'address', 'add', `${address}/24`, 'dev', 'eth0')
  back.exec('ip', 'route', 'add', 'default', 'via', '10.0.0.254')
  const ipvs = await open(director.path)
  await Promise.all([
    ipvs.services.add({ ...service, ...settings }),
    ...addresses.map((address) =>
      ipvs.destinations.add(service, { ...at(address), forwarding: 'masquerading', weight: 5 }),
    ),
  ])
  const [, child] = await Promise.all([peer(back, 'servers', ...servers), peer(front, 'client')])
  return {
    ipvs,
    director,
    client: clientOf(child),
    sysctl: (name, value) => void director.exec('sysctl', '-qw', `net.ipv4.vs.${name}=${value}`),
  }
}
