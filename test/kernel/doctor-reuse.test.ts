// What conn_reuse_mode does on the running kernel: both sides of the trade that doctor() tells of.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import { doctor } from '../../lib/doctor/doctor.ts'
import { at, balancer, web } from './balancer.ts'
import { since } from './namespace.ts'

test('a port used again, with conntrack: no SYN is lost since 5.9, and only 0 keeps to the quiesced server', async () => {
  const { client, director, ipvs, sysctl } = await balancer(web, { scheduler: 'rr' }, [
    '10.0.0.1',
    '10.0.0.2',
  ])
  director.exec(
    'nft',
    'add table t; add chain t c { type filter hook input priority 0; }; add rule t c ct state established accept',
  )
  sysctl('conntrack', 1)
  const found = async () =>
    (await doctor({ netns: director.path })).map(({ id }) => id).filter((id) => id.startsWith('port-reuse'))

  const first = await client.again(4000)
  expect(first.retransmissions).toBe(0)
  await ipvs.destinations.edit(web, at(first.server), { weight: 0 })
  const second = await client.again(4000)
  expect(second.server).not.toBe(first.server)
  expect(second.retransmissions > 0).toBe(!since('5.9'))
  expect(await found()).toEqual(since('5.9') ? [] : ['port-reuse-delay'])

  sysctl('conn_reuse_mode', 0)
  await ipvs.destinations.edit(web, at(first.server), { weight: 1 })
  await ipvs.destinations.edit(web, at(second.server), { weight: 0 })
  expect(await client.again(4000)).toEqual({ server: second.server, retransmissions: 0 })
  expect(await found()).toEqual(['port-reuse-old-server'])
  sysctl('conn_reuse_mode', 1)
  expect((await client.again(4000)).server).toBe(first.server)
  expect(await found()).toEqual([])
})
