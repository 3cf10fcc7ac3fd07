// doctor() on directors that share a VIP: would they agree, and take each other's connections over?
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import { applyProfile, profile } from '../../lib/index.ts'
import { director } from './doctor-site.ts'
import './schedulers-modules.ts'

const shared = { shared: true }
const said = 'other directors share the VIPs, as was said'

/** Set up as the profile wants it. */
const healthy = async () => {
  const at = await director(undefined, { scheduler: 'maglev' })
  await applyProfile(profile('direct-return'), { netns: at.netns.path })
  return at
}

test('maglev and the profile direct-return: nothing is found', async () => {
  const at = await healthy()
  expect(await at.find(shared)).toEqual([])
})

test('without the profile connections are not taken over, and ICMP errors are lost', async () => {
  const at = await healthy()
  at.set('net.ipv4.vs.sloppy_tcp=0', 'net.ipv4.vs.schedule_icmp=0')
  const hashed = 'hashed alike by all directors: 192.0.2.10:80/tcp'
  await at.cures('takeover-refused', ['net.ipv4.vs.sloppy_tcp = 0', hashed], shared)
  await at.cures('icmp-not-scheduled', ['net.ipv4.vs.schedule_icmp = 0', hashed], shared)
  expect(await at.find(shared)).toEqual([])
})

test.each(['sh', 'mh', 'wlc'])('%s would choose otherwise on another director', async (scheduler) => {
  const at = await healthy()
  await at.ipvs.services.edit({ protocol: 'tcp', address: '192.0.2.10', port: 80 }, { scheduler })
  expect(await at.find()).toEqual([])
  const finding = await at.cures(
    'directors-disagree',
    [`192.0.2.10:80/tcp: scheduler ${scheduler}`, said],
    shared,
  )
  expect(finding.severity).toBe('error')
  expect(await at.find(shared)).toEqual([])
})

test('a synchronisation daemon tells that the VIP is shared; sh breaks what is not synchronised yet', async () => {
  const at = await healthy()
  await at.ipvs.services.edit({ protocol: 'tcp', address: '192.0.2.10', port: 80 }, { scheduler: 'sh' })
  await at.ipvs.daemons.start({ state: 'master', interface: 'back' })
  const evidence = ['192.0.2.10:80/tcp: scheduler sh', /^a synchronisation daemon runs as master:/]
  expect(await at.cures('directors-disagree', evidence)).toMatchObject({ severity: 'warning' })
  await at.ipvs.daemons.stop('master')
})
