// Clients connect while every real server of their service is replaced: not one is refused (but see sh).
// SPDX-License-Identifier: MIT

import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import type { Ipvs, ServiceSettings } from '../../lib/index.ts'
import { type Namespace, namespace, open } from './namespace.ts'
import { patience, slowness } from './slowness.ts'

const web = { protocol: 'tcp', address: '203.0.113.10', port: 80 } as const
const PORT = 8080
/** Connections at a time. */
const PARALLEL = 8
const script = fileURLToPath(new URL('traffic.mjs', import.meta.url))

/** Two sets of five real servers. */
const sets = [1, 2].map((set) => Array.from({ length: 5 }, (_, i) => `10.1.${set}.${i + 1}`))

const serversOf = (set: readonly string[]) =>
  set.map((address) => ({ address, port: PORT, forwarding: 'masquerading' as const, weight: 1 }))

/** Joins two namespaces: a link whose ends have these addresses, and names of their own. */
const join = (label: string, one: Namespace, first: string, other: Namespace, second: string): void => {
  const [name, peer] = [`${label}0`, `${label}1`]
  execFileSync('ip', [
    '-n',
    one.name,
    'link',
    'add',
    name,
    'type',
    'veth',
    'peer',
    'name',
    peer,
    'netns',
    other.name,
  ])
  for (const [netns, link, address] of [
    [one, name, first],
    [other, peer, second],
  ] as const) {
    netns.exec('ip', 'address', 'add', address, 'dev', link)
    netns.exec('ip', 'link', 'set', link, 'up')
  }
}

interface Report {
  readonly count: number
  readonly failures: readonly string[]
  readonly servers: readonly string[]
}

/** Clients at work; ask() tells what they saw since the last time. */
class Clients {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>
  readonly #lines: AsyncIterator<string>

  constructor(netns: Namespace, patience: number) {
    const connect = ['connect', web.address, '80', `${PARALLEL}`, `${patience}`]
    const words = ['netns', 'exec', netns.name, process.execPath, script, ...connect]
    this.#process = spawn('ip', words, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface(this.#process.stdout)[Symbol.asyncIterator]()
    onTestFinished(() => void this.#process.kill('SIGKILL'))
  }

  async ask(): Promise<Report> {
    this.#process.stdin.write('\n')
    return JSON.parse((await this.#lines.next()).value)
  }

  async end(): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.stdin.end()
    await ended
  }
}

/** Client, director and real servers, each in a namespace; the servers answer through the director. */
const network = async (
  settings: ServiceSettings = { scheduler: 'rr' },
  patience = 20_000,
): Promise<{ ipvs: Ipvs; clients: Clients }> => {
  const [client, director, servers] = [namespace(), namespace(), namespace()]
  join('front', client, '192.0.2.1/24', director, '192.0.2.254/24')
  join('back', servers, '10.1.0.1/16', director, '10.1.255.254/16')
  client.exec('ip', 'route', 'add', 'default', 'via', '192.0.2.254')
  servers.exec('ip', 'route', 'add', 'default', 'via', '10.1.255.254')
  for (const address of sets.flat()) servers.exec('ip', 'address', 'add', `${address}/32`, 'dev', 'lo')
  director.exec('ip', 'address', 'add', `${web.address}/32`, 'dev', 'lo')
  director.exec('sysctl', '-qw', 'net.ipv4.ip_forward=1')
  const server = spawn(
    'ip',
    ['netns', 'exec', servers.name, process.execPath, script, 'serve', String(PORT)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  onTestFinished(() => void server.kill('SIGKILL'))
  await once(server.stdout, 'data')
  const ipvs = await open(director.path)
  await ipvs.apply(
    await ipvs.plan({ services: [{ ...web, ...settings, destinations: serversOf(sets[0]!) }] }),
  )
  return { ipvs, clients: new Clients(client, patience) }
}

/** Replaces all servers until there were so many connections and rounds. */
const replaceUnderLoad = async (
  { ipvs, clients }: Awaited<ReturnType<typeof network>>,
  connections: number,
  least: number,
  steps: readonly string[],
): Promise<{ total: number; rounds: number; failures: readonly string[] }> => {
  let [total, rounds] = [0, 0]
  const failures: string[] = []
  while (total < connections || rounds < least) {
    const set = sets[(rounds + 1) % 2]!
    const made = await ipvs.plan({ services: [{ ...web, destinations: serversOf(set) }] })
    expect(made.changes.map(({ kind }) => kind)).toEqual(steps.flatMap((kind) => Array(5).fill(kind)))
    expect((await ipvs.apply(made, { grace: 1000 * slowness })).complete).toBe(true)
    const during = await clients.ask()
    await setTimeout(300)
    const after = await clients.ask()
    total += during.count + after.count
    failures.push(...during.failures, ...after.failures)
    rounds++
  }
  return { total, rounds, failures }
}

const quiesced = ['add-destination', 'quiesce-destination', 'delete-destination']

test('every server replaced again and again under load: at least 2,000 connections, none refused', {
  timeout: 240_000 * patience,
}, async () => {
  const { ipvs, clients } = await network()
  const { total, rounds, failures } = await replaceUnderLoad({ ipvs, clients }, 2000, 10, quiesced)
  // Whoever connected after the last replacement got one of its servers.
  await setTimeout(1000)
  await clients.ask()
  await setTimeout(1000)
  const last = await clients.ask()
  expect([...last.servers].sort()).toEqual(sets[rounds % 2])
  await clients.end()
  console.log(
    `${total} connections while all 5 servers were replaced ${rounds} times: ${failures.length} refused`,
  )
  expect(failures).toEqual([])
})

test('with sh that falls back none is refused either', { timeout: 120_000 * patience }, async () => {
  // One host with many ports: without the flag `port` all would get the same server.
  const all = await network({ scheduler: 'sh', schedulerFlags: ['port', 'fallback'] })
  const { total, rounds, failures } = await replaceUnderLoad(all, 250, 3, quiesced)
  await all.clients.end()
  console.log(
    `sh with fallback: ${total} connections, 5 servers replaced ${rounds} times: ${failures.length} refused`,
  )
  expect(failures).toEqual([])
})

test('with sh alone none is refused; those of the moment break, at most as many as there are', {
  timeout: 120_000 * patience,
}, async () => {
  const all = await network({ scheduler: 'sh', schedulerFlags: ['port'] }, 2000)
  const steps = ['add-destination', 'delete-destination']
  const { total, rounds, failures } = await replaceUnderLoad(all, 250, 3, steps)
  console.log(`sh: ${total} connections, 5 servers replaced ${rounds} times: ${failures.length} broken`)
  expect(failures.filter((text) => text !== 'no answer')).toEqual([])
  expect(failures.length).toBeLessThanOrEqual(rounds * PARALLEL)

  // Quiescing first would refuse whoever hashes to one of the old servers, for as long as they stay.
  await setTimeout(3000)
  await all.clients.ask()
  const old = await all.ipvs.destinations.list(web)
  await all.ipvs.destinations.add(web, serversOf(sets[(rounds + 1) % 2]!)[0]!)
  await Promise.all(old.map((server) => all.ipvs.destinations.edit(web, server, { weight: 0 })))
  await setTimeout(1000)
  const { failures: refused } = await all.clients.ask()
  console.log(`sh, quiesced for 1 s by hand: ${refused.length} refused`)
  expect(refused).toContain('ECONNREFUSED')
})

test('the same by hand, deleting first: clients are refused, so this would be seen', {
  timeout: 120_000 * patience,
}, async () => {
  const { ipvs, clients } = await network()
  while ((await clients.ask()).count < 20) await setTimeout(100)
  await Promise.all(serversOf(sets[0]!).map((server) => ipvs.destinations.delete(web, server)))
  await setTimeout(500)
  await Promise.all(serversOf(sets[1]!).map((server) => ipvs.destinations.add(web, server)))
  const { failures } = await clients.ask()
  expect(failures).toContain('ECONNREFUSED')
})
