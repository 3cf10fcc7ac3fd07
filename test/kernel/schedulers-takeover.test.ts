// Two directors share a VIP; the active one dies in the middle of 1,000 connections, and the other one takes them over.
// SPDX-License-Identifier: MIT

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { applyProfile, Ipvs, profile } from '../../lib/index.ts'
import { Namespace } from './namespace.ts'
import './schedulers-modules.ts'
import { patience } from './slowness.ts'

const VIP = '192.0.2.10'
const web = { protocol: 'tcp', address: VIP, port: 80 } as const
const servers = [21, 22, 23, 24, 25].map((host) => `192.0.2.${host}`)
const CLIENTS = 1000

const shell = (script: string): void => void execFileSync('sh', ['-ec', script], { stdio: 'pipe' })

/** The end of a process, before its namespace goes. */
const ended: (() => Promise<void>)[] = []

const peer = async (netns: Namespace, role: string): Promise<ChildProcess> => {
  const script = fileURLToPath(new URL('takeover.mjs', import.meta.url))
  const child = spawn('ip', ['netns', 'exec', netns.name, process.execPath, script, role], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  ended.push(async () => {
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  })
  await once(child, 'message')
  return child
}

interface Director {
  readonly netns: Namespace
  /** Its port of the bridge. */
  readonly port: string
  readonly ipvs: Ipvs
}

/** All are on one bridge, which is in a namespace of its own. */
const network = async () => {
  const names = ['lan', 'client', 'one', 'two', ...servers] as const
  const spaces = new Map(names.map((name) => [name, new Namespace()]))
  const of = (name: string): Namespace => spaces.get(name as (typeof names)[number])!
  ended.unshift(async () =>
    shell([...spaces.values()].map(({ name }) => `ip netns delete ${name}`).join('\n')),
  )
  const lan = of('lan').name
  const attached = names.slice(1).map((name, i) => ({ name: of(name).name, port: `port${i}` }))
  const addresses = ['192.0.2.2', '192.0.2.3', '192.0.2.4', ...servers]
  shell(`
    ${[...spaces.values()].map(({ name }) => `ip netns add ${name}; ip -n ${name} link set lo up`).join('\n')}
    ip -n ${lan} link add bridge type bridge
    ip -n ${lan} link set bridge up
    ${attached
      .map(
        ({ name, port }, i) => `
    ip -n ${lan} link add ${port} master bridge type veth peer eth0 netns ${name}
    ip -n ${lan} link set ${port} up
    ip -n ${name} link set eth0 up
    ip -n ${name} address add ${addresses[i]}/24 dev eth0
    ip netns exec ${name} sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0 \
      net.ipv4.conf.eth0.arp_notify=1`,
      )
      .join('\n')}
    ip -n ${of('client').name} route add local 10.30.0.0/16 dev lo
    ${servers
      .map(
        (server) => `
    ip -n ${of(server).name} route add 10.30.0.0/16 via 192.0.2.2
    ip -n ${of(server).name} address add ${VIP}/32 dev lo
    ip netns exec ${of(server).name} sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2`,
      )
      .join('\n')}`)
  const [client] = await Promise.all([
    peer(of('client'), 'clients'),
    ...servers.map((server) => peer(of(server), 'serve')),
  ])
  const directors = await Promise.all(
    (['one', 'two'] as const).map(async (name, i): Promise<Director> => {
      const netns = of(name)
      await applyProfile(profile('direct-return'), { netns: netns.path })
      return { netns, port: `port${i + 1}`, ipvs: await Ipvs.open({ netns: netns.path }) }
    }),
  )
  ended.push(async () => void (await Promise.all(directors.map(({ ipvs }) => ipvs.close()))))
  return { lan, client, active: directors[0]!, standby: directors[1]! }
}

let at: Awaited<ReturnType<typeof network>>
beforeAll(async () => {
  at = await network()
  shell(`ip -n ${at.active.netns.name} address add ${VIP}/32 dev eth0`)
  return async () => {
    for (const end of ended.reverse()) await end()
  }
}, 60_000 * patience)

const ask = async (...words: readonly (string | number)[]): Promise<number> => {
  const reply = once(at.client, 'message')
  at.client.send(words)
  return Number((await reply)[0])
}

/** Both have the same servers, which they learned in another order. */
const fill = (scheduler: string): Promise<unknown> =>
  Promise.all(
    [servers, servers.toReversed()].map(async (order, i) => {
      const { ipvs } = i === 0 ? at.active : at.standby
      await ipvs.flush()
      await ipvs.services.add({ ...web, scheduler })
      for (const address of order) await ipvs.destinations.add(web, { address, forwarding: 'direct-routing' })
    }),
  )

let takeovers = 0

/** The active director is cut off; the other one has the VIP, and says so (arp_notify, with a new link-layer address). */
const takeOver = (): void => {
  shell(`
    ip -n ${at.lan} link set ${at.active.port} down
    ip -n ${at.standby.netns.name} address add ${VIP}/32 dev eth0
    ip -n ${at.standby.netns.name} link set eth0 address 02:00:00:00:00:0${++takeovers}
    ip -n ${at.active.netns.name} address del ${VIP}/32 dev eth0
    ip -n ${at.lan} link set ${at.active.port} up`)
  at = { ...at, active: at.standby, standby: at.active }
}

const held = async ({ ipvs }: Director): Promise<number> =>
  (await ipvs.destinations.list(web)).reduce(
    (sum, { activeConns, inactiveConns }) => sum + activeConns + inactiveConns,
    0,
  )

/** How many of the connections a takeover breaks. */
const broken = async (scheduler: string, clients = CLIENTS): Promise<number> => {
  await fill(scheduler)
  expect(await ask('open', clients)).toBe(clients)
  expect([await held(at.active), await held(at.standby)]).toEqual([clients, 0])
  expect([await at.active.ipvs.daemons.list(), await at.standby.ipvs.daemons.list()]).toEqual([[], []])
  takeOver()
  return clients - (await ask('talk'))
}

const told = (scheduler: string, count: number, clients = CLIENTS): void =>
  console.log(`${scheduler}: ${count} of ${clients} connections broken by the takeover, none synchronised`)

const timeout = { timeout: 60_000 * patience }

test('maglev with the profile direct-return: no connection breaks', timeout, async () => {
  const count = await broken('maglev')
  told('maglev', count)
  expect(count).toBe(0)
  expect(await held(at.active)).toBe(CLIENTS)
})

test.each(['sh', 'mh'])('in-tree %s, the servers added in another order', timeout, async (scheduler) => {
  const count = await broken(scheduler)
  told(`in-tree ${scheduler}`, count)
  if (scheduler === 'sh') expect(count).toBeGreaterThan(CLIENTS / 2)
})

test('maglev without sloppy_tcp: the profile is needed', timeout, async () => {
  const { netns } = at.standby
  netns.exec('sysctl', '-qw', 'net.ipv4.vs.sloppy_tcp=0')
  onTestFinished(() => void netns.exec('sysctl', '-qw', 'net.ipv4.vs.sloppy_tcp=1'))
  const count = await broken('maglev', 100)
  told('maglev without sloppy_tcp', count, 100)
  expect(count).toBe(100)
})
