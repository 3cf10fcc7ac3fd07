// The two directors of the README, set up with its lines: both choose alike, and one takes over.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import { ask, lan, serve } from './lan.ts'
import { blockWith, shellIn } from './readme-shell.ts'
import './schedulers-modules.ts'
import { patience } from './slowness.ts'

const VIP = '192.0.2.10'

test('two directors from nothing', { timeout: 60_000 * patience }, async () => {
  const { machines } = await lan({ client: 2, one: 3, two: 4, first: 21, second: 22 })
  const { client, one, two, first, second } = machines
  for (const [server, name] of [
    [first, 'first'],
    [second, 'second'],
  ] as const) {
    shellIn(server)(blockWith('real-server add'))
    await serve(server, name)
  }
  for (const director of [one, two]) {
    const shell = shellIn(director)
    shell(blockWith('profile direct-return'))
    shell(blockWith('--interface vips'))
    expect(shell(`${blockWith('doctor --shared').trim()} || true`)).toBe('nothing found\n')
  }
  shellIn(client)(blockWith('nexthop'))
  const answers = ask(client, VIP, 40)
  const [home] = answers
  expect(['first', 'second']).toContain(home)
  expect(new Set(answers)).toEqual(new Set([home]))
  const connections = (director: typeof one): number =>
    director.read('/proc/net/ip_vs_conn').trim().split('\n').length - 1
  expect(connections(one) + connections(two)).toBe(40)
  for (const [director, address] of [
    [one, '192.0.2.3'],
    [two, '192.0.2.4'],
  ] as const) {
    const before = connections(director)
    client.exec('ip', 'route', 'replace', `${VIP}/32`, 'via', address)
    expect(new Set(ask(client, VIP, 10))).toEqual(new Set([home]))
    expect(connections(director)).toBe(before + 10)
  }
  one.exec('ip', 'link', 'set', 'eth0', 'down')

  // The other way: the VIP is moved, and its neighbours are told.
  client.exec('ip', 'route', 'delete', `${VIP}/32`)
  shellIn(two)(`ipvs vip remove ${VIP} --interface vips; ${blockWith('--interface eth0 --announce')}`)
  expect(new Set(ask(client, VIP, 10))).toEqual(new Set([home]))
})
