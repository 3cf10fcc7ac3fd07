// The subcommands vip and real-server on the real kernel: what they do, print, and end with.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import { ipvs } from './cli-run.ts'
import { namespace } from './namespace.ts'

const done = { status: 0, out: '', err: '' }

test('ipvs vip', async () => {
  const netns = namespace()
  netns.exec('ip', 'link', 'add', 'eth0', 'type', 'veth')
  netns.exec('ip', 'link', 'set', 'veth0', 'up')
  netns.exec('ip', 'link', 'set', 'eth0', 'up')
  const on = ['--interface', 'eth0']
  expect(await ipvs(netns, ['vip', 'add', '192.0.2.80', ...on])).toEqual(done)
  const announced = ['--announce', '--count', '2', '--interval', '0.01', '--json']
  const added = await ipvs(netns, ['vip', 'add', '2001:db8::80/64', ...on, ...announced])
  expect(JSON.parse(added.out)).toEqual({
    address: '2001:db8::80',
    family: 'ipv6',
    prefix: 64,
    interface: 'eth0',
  })
  expect((await ipvs(netns, ['vip', 'list'])).out).toBe('192.0.2.80/32 eth0\n')
  expect((await ipvs(netns, ['vip', 'list', '--all'])).out).toBe('192.0.2.80/32 eth0\n2001:db8::80/64 eth0\n')
  expect(await ipvs(netns, ['vip', 'announce', '192.0.2.80', '--count', '1'])).toEqual(done)
  const towards = ['--create', '--announce', '--towards', 'eth0', '--count', '1']
  expect(await ipvs(netns, ['vip', 'add', '192.0.2.81', '--interface', 'vips', ...towards])).toEqual(done)
  expect(await ipvs(netns, ['vip', 'remove', '192.0.2.81'])).toEqual(done)
  expect(await ipvs(netns, ['vip', 'remove', '192.0.2.80', ...on])).toEqual(done)
  expect(JSON.parse((await ipvs(netns, ['vip', 'list', '--json'])).out)).toEqual([])
  expect(await ipvs(netns, ['vip', 'remove', '192.0.2.80'])).toEqual({
    status: 1,
    out: '',
    err: 'ipvs: deleteAddress 192.0.2.80: no interface of this namespace has the address (ERR_IPVS_NO_SUCH_ADDRESS)\n',
  })
})

test('ipvs real-server', async () => {
  const netns = namespace()
  netns.exec('ip', 'link', 'add', 'eth0', 'type', 'veth')
  const add = ['real-server', 'add', '192.0.2.80', '--interface', 'eth0', '--forwarding', 'tunneling']
  expect(await ipvs(netns, add)).toEqual(done)
  expect(await ipvs(netns, ['real-server', 'status'])).toEqual({
    ...done,
    out: 'vip 192.0.2.80\ninterface eth0 arp_ignore 1 (was 0) arp_announce 2 (was 0)\ntunnel tunl0 up (was down)\n',
  })
  const removed = await ipvs(netns, ['real-server', 'remove', '192.0.2.80', '--json'])
  expect(JSON.parse(removed.out)).toEqual({ vips: [], interfaces: [], tunnels: [] })
  expect(await ipvs(netns, ['real-server', 'status'])).toEqual(done)
  expect(await ipvs(netns, ['real-server', 'remove', '192.0.2.80'])).toMatchObject({
    status: 1,
    err: expect.stringContaining('this real server is not set up for it'),
  })
})
