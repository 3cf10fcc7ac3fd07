// Where ipvsadm 1.31 is wrong or cannot follow: what it says, and what client and /proc know better.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import { apply, listing } from './ipvsadm.ts'
import { namespace, open } from './namespace.ts'

const web = { protocol: 'tcp', address: '192.0.2.10', port: 80, scheduler: 'rr' } as const

test('ipvsadm prints `local` as -g, and no letter at all for `bypass`', async () => {
  const netns = namespace()
  const ipvs = await open(netns.path)
  await ipvs.services.add(web)
  await ipvs.destinations.add(web, { address: '10.0.0.1', forwarding: 'local' })
  await ipvs.destinations.add(web, { address: '10.0.0.2', forwarding: 'bypass' })
  const { rules, proc } = listing(netns)
  // The fault of /proc, whose ip_vs_fwd_name() calls Masq what it does not know: only netlink tells of bypass.
  expect(proc).toEqual(['TCP 192.0.2.10:80 rr\n-> 10.0.0.2:80 Masq 1 0 0\n-> 10.0.0.1:80 Local 1 0 0'])
  // Its fault: fwd_switch() maps LOCALNODE to -g and returns NULL for bypass, which glibc prints as (null).
  expect(rules).toEqual([
    '-A -t 192.0.2.10:80 -s rr',
    '-a -t 192.0.2.10:80 -r 10.0.0.1:80 -g -w 1',
    '-a -t 192.0.2.10:80 -r 10.0.0.2:80 (null) -w 1',
  ])
  expect(await ipvs.destinations.list(web)).toMatchObject([
    { address: '10.0.0.2', forwarding: 'bypass' },
    { address: '10.0.0.1', forwarding: 'local' },
  ])
})

test('ipvsadm prints a firewall mark of 2^31 or more as a negative number, which it refuses to read', async () => {
  const netns = namespace()
  apply(netns, ['-A -f 2147483648 -s rr', '-A -f 4294967295 -s rr -b flag-1'])
  const ipvs = await open(netns.path)
  const listed = (await ipvs.services.list()).toSorted((a, b) => a.fwmark! - b.fwmark!)
  expect(listed).toMatchObject([
    { fwmark: 2147483648, schedulerFlags: [] },
    { fwmark: 4294967295, schedulerFlags: ['flag-1'] },
  ])
  const { rules, proc } = listing(netns)
  expect(proc).toEqual(['FWM 80000000 rr', 'FWM FFFFFFFF rr'])
  expect(rules).toEqual(['-A -f -1 -s rr -b flag-1', '-A -f -2147483648 -s rr'])
  expect(() => apply(netns, ['-A -f -1 -s rr'])).toThrow('invalid fwmark value')
})

test.each(['sh', 'mh'])(
  'ipvsadm cannot print flag-3 of %s: alone it leaves a -b that it refuses to read',
  async (scheduler) => {
    const netns = namespace()
    apply(netns, [`-A -t 192.0.2.10:80 -s ${scheduler} -b flag-3`])
    const ipvs = await open(netns.path)
    expect(await ipvs.services.get(web)).toMatchObject({ scheduler, schedulerFlags: ['flag-3'] })
    const { rules } = listing(netns)
    expect(rules).toEqual([`-A -t 192.0.2.10:80 -s ${scheduler} -b`])
    await ipvs.services.edit(web, { schedulerFlags: ['port', 'flag-3'] })
    expect(listing(netns).rules).toEqual([`-A -t 192.0.2.10:80 -s ${scheduler} -b ${scheduler}-port`])
    expect(await ipvs.services.get(web)).toMatchObject({ schedulerFlags: ['port', 'flag-3'] })
    expect(() => apply(netns, rules)).toThrow('missing argument')
  },
)

test('ipvsadm takes 31 days of persistence at most; more it prints rightly', async () => {
  const netns = namespace()
  const ipvs = await open(netns.path)
  await ipvs.services.add({ ...web, persistence: { timeout: 4294967 } })
  const { rules } = listing(netns)
  expect(rules).toEqual(['-A -t 192.0.2.10:80 -s rr -p 4294967'])
  expect((await ipvs.services.get(web)).persistence).toEqual({ timeout: 4294967, netmask: '255.255.255.255' })
  await ipvs.flush()
  expect(() => apply(netns, rules)).toThrow('invalid timeout value')
})

test('what ipvsadm stores beside no persistence is no persistence', async () => {
  const netns = namespace()
  // The kernel keeps mask and engine, and looks at neither: ipvsadm should refuse -M and --pe without -p.
  apply(netns, ['-A -t 192.0.2.10:80 -s rr -M 255.0.0.0', '-A -u 192.0.2.10:5060 -s rr --pe sip'])
  const ipvs = await open(netns.path)
  const { services } = await ipvs.snapshot()
  expect(services.map(({ persistence }) => persistence)).toEqual([null, null])
  expect(listing(netns).rules).toEqual(['-A -t 192.0.2.10:80 -s rr', '-A -u 192.0.2.10:5060 -s rr --pe sip'])
})

test('ipvsadm gives direct routing and tunneling the port of the service, whatever it is told', async () => {
  const netns = namespace()
  apply(netns, [
    '-A -t 192.0.2.10:80 -s rr',
    '-a -t 192.0.2.10:80 -r 10.0.0.1:81 -g',
    '-a -t 192.0.2.10:80 -r 10.0.0.2:82 -i',
  ])
  const ipvs = await open(netns.path)
  expect(await ipvs.destinations.list(web)).toMatchObject([
    { address: '10.0.0.2', port: 80 },
    { address: '10.0.0.1', port: 80 },
  ])
  // The client refuses what ipvsadm changes silently; forced, it writes what it was told.
  const other = { address: '10.0.0.3', port: 83 }
  await expect(ipvs.destinations.add(web, other)).rejects.toThrow('port: ')
  await ipvs.destinations.add(web, other, { force: true })
  expect(listing(netns).rules).toContain('-a -t 192.0.2.10:80 -r 10.0.0.3:83 -g -w 1')
})
