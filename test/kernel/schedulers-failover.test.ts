// examples/two-directors.mjs: connections outlive the director that made them, because the other chooses as it did.
// SPDX-License-Identifier: MIT

import { existsSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { clientOf, configure, peer, wire } from './balancer.ts'
import { example, Process } from './examples-run.ts'
import { type Namespace, namespace } from './namespace.ts'
import './schedulers-modules.ts'
import { patience } from './slowness.ts'

const VIP = '192.0.2.10'
const names = ['a', 'b', 'c'] as const
const hosts = { a: '192.0.2.21', b: '192.0.2.22', c: '192.0.2.23' } as const
const CONNECTIONS = 40
const limit = { timeout: 60_000 * patience }

// The machine has busybox in any case.
const arping = ['/usr/sbin', '/usr/bin', '/usr/local/bin'].map((folder) => join(folder, 'arping'))
if (!arping.some(existsSync)) symlinkSync('/bin/busybox', arping.at(-1)!)

/** A namespace with this address on a link to the switch, named there as given. */
const host = (middle: Namespace, name: string, address: string): Namespace => {
  const made = namespace()
  wire(made, 'eth0', middle, name)
  configure(middle, [`link set dev ${name} master bridge`])
  configure(made, [`address add ${address}/24 dev eth0`])
  return made
}

/** Real servers for direct routing: each has the VIP, and keeps that to itself. */
const serve = async (netns: Namespace, name: string): Promise<void> => {
  netns.exec('sysctl', '-qw', 'net.ipv4.conf.all.arp_ignore=1', 'net.ipv4.conf.all.arp_announce=2')
  configure(netns, [`address add ${VIP}/32 dev lo`])
  await peer(netns, 'servers', `${VIP}/80/${name}`)
}

/** Client, three real servers and two directors on one switch; the directors learn of the servers in opposite order. */
const site = async (scheduler: string) => {
  const middle = namespace()
  configure(middle, ['link add bridge up type bridge mcast_snooping 0'])
  const client = host(middle, 'client', '192.0.2.2')
  const directors = [host(middle, 'left', '192.0.2.3'), host(middle, 'right', '192.0.2.4')] as const
  await Promise.all(names.map((name) => serve(host(middle, name, hosts[name]), name)))
  const destinations = names.map((name) => ({ address: hosts[name], forwarding: 'direct-routing' }))
  const schedulerFlags = scheduler === 'rr' ? [] : ['port'] // There is one client.
  const service = { protocol: 'tcp', address: VIP, port: 80, scheduler, schedulerFlags, destinations }
  const table = join(mkdtempSync(join(tmpdir(), 'failover-')), 'table.json')
  writeFileSync(table, JSON.stringify({ services: [service] }))
  const start = (director: Namespace, ...addresses: readonly string[]): Process =>
    new Process(director, example('two-directors.mjs'), table, 'eth0', ...addresses)
  // A plan adds servers in an order of its own. This director has them from another hand, the other way round.
  directors[1].ipvsadm('-A', '-t', `${VIP}:80`, '-s', 'rr')
  for (const name of names.toReversed()) directors[1].ipvsadm('-a', '-t', `${VIP}:80`, '-r', hosts[name])
  const left = start(directors[0], '192.0.2.3', '192.0.2.4')
  await left.printed(/active\n$/)
  const right = start(directors[1], '192.0.2.4', '192.0.2.3')
  await right.printed(/standby\n$/)
  const cable = (state: 'up' | 'down'): void => configure(middle, [`link set dev left ${state}`])
  return { client: clientOf(await peer(client, 'client')), directors, left, right, cable }
}

/** How many connections a director knows. */
const known = (director: Namespace): number =>
  director.read('/proc/net/ip_vs_conn').trim().split('\n').length - 1

test('maglev: every connection outlives the director, and its return', limit, async () => {
  const { client, directors, left, right, cable } = await site('maglev')
  const before = await client.open(CONNECTIONS)
  expect(new Set(before)).toEqual(new Set(names))
  expect(directors.map(known)).toEqual([CONNECTIONS, 0]) // Nothing is synchronised.

  cable('down')
  await right.printed(/active\n$/)
  expect(await client.talk()).toEqual({ alive: CONNECTIONS, broken: 0 })
  expect(known(directors[1])).toBe(CONNECTIONS)
  await client.open(10)

  cable('up')
  await right.printed(/standby\n$/)
  expect(await client.talk()).toEqual({ alive: CONNECTIONS + 10, broken: 0 })
  expect(known(directors[0])).toBe(CONNECTIONS + 10)
  expect(left.output).toBe('standby\nactive\n')

  left.kill('SIGTERM') // For maintenance, say.
  await right.printed(/active\n$/)
  expect(await client.talk()).toEqual({ alive: CONNECTIONS + 10, broken: 0 })
})

test('rr: the other director chooses otherwise, and connections break', limit, async () => {
  const { client, right, cable } = await site('rr')
  await client.open(CONNECTIONS)
  cable('down')
  await right.printed(/active\n$/)
  const { alive, broken } = await client.talk()
  expect(alive + broken).toBe(CONNECTIONS)
  console.log(`rr: ${broken} of ${CONNECTIONS} connections broken by the failover`)
  expect(broken).toBeGreaterThan(0)
})
