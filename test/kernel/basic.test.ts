// The client's verbs on the real kernel, one by one.
// SPDX-License-Identifier: MIT

import { tracingChannel } from 'node:diagnostics_channel'
import { expect, onTestFinished, test } from 'vitest'
import { Ipvs, IpvsError, type TransactionContext } from '../../lib/index.ts'
import { namespace, open, openSync } from './namespace.ts'

const web = { protocol: 'tcp', address: '192.0.2.10', port: 80 } as const

test('an empty table is empty lists', async () => {
  const ipvs = await open()
  expect(await ipvs.services.list()).toEqual([])
  expect(await ipvs.daemons.list()).toEqual([])
  expect(await ipvs.snapshot()).toEqual({ services: [], stable: true })
  await expect(ipvs.destinations.list(web)).rejects.toThrow(IpvsError)
})

test('info and timeouts', async () => {
  const ipvs = await open()
  expect(await ipvs.info()).toEqual({ version: '1.2.1', connectionTableSize: expect.any(Number) })
  expect(await ipvs.timeouts()).toEqual({ tcp: 900, tcpFin: 120, udp: 300 })
  await ipvs.setTimeouts({ tcp: 1234 })
  expect(await ipvs.timeouts()).toEqual({ tcp: 1234, tcpFin: 120, udp: 300 })
  await ipvs.setTimeouts({ tcpFin: 5, udp: 6 })
  expect(await ipvs.timeouts()).toEqual({ tcp: 1234, tcpFin: 5, udp: 6 })
})

test('the synchronous client does the same', () => {
  const ipvs = openSync()
  ipvs.services.add({ ...web, scheduler: 'rr' })
  ipvs.destinations.add(web, { address: '10.0.0.1', weight: 5 })
  ipvs.destinations.edit(web, { address: '10.0.0.1' }, { weight: 6 })
  expect(ipvs.destinations.get(web, { address: '10.0.0.1' })).toMatchObject({ weight: 6, port: 80 })
  expect(ipvs.snapshot().services).toMatchObject([{ ...web, destinations: [{ address: '10.0.0.1' }] }])
  expect(() => ipvs.services.add(web)).toThrow(expect.objectContaining({ reason: 'service-exists' }))
  ipvs.flush()
  expect(ipvs.services.list()).toEqual([])
  ipvs.close()
  expect(() => ipvs.info()).toThrow(expect.objectContaining({ reason: 'closed' }))
})

test('two namespaces are two tables', async () => {
  const [one, two] = [await open(), await open()]
  await one.services.add(web)
  expect(await two.services.list()).toEqual([])
  expect(await one.services.list()).toHaveLength(1)
})

test('calls take effect in the order they were made', async () => {
  const ipvs = await open()
  const server = { address: '10.0.0.1' }
  const [, , , , before, , after] = await Promise.all([
    ipvs.services.add(web),
    ipvs.destinations.add(web, { ...server, weight: 1, forwarding: 'masquerading' }),
    ipvs.destinations.edit(web, server, { weight: 2 }),
    ipvs.destinations.edit(web, server, { upperThreshold: 9 }),
    ipvs.destinations.list(web),
    ipvs.destinations.delete(web, server),
    ipvs.destinations.list(web),
  ])
  // Both edits hold: neither wrote back what the other had changed.
  expect(before).toMatchObject([{ weight: 2, upperThreshold: 9, forwarding: 'masquerading' }])
  expect(after).toEqual([])
})

test('edit of a service keeps what is not named', async () => {
  const ipvs = await open()
  const sip = { protocol: 'udp', address: '192.0.2.10', port: 5060 } as const
  const persistence = { timeout: 100, netmask: '255.255.255.0', engine: 'sip' }
  await ipvs.services.add({ ...sip, scheduler: 'sh', schedulerFlags: ['port'], persistence, onePacket: true })
  const before = await ipvs.services.get(sip)
  expect(before).toMatchObject({ scheduler: 'sh', schedulerFlags: ['port'], persistence, onePacket: true })
  await ipvs.services.edit(sip, {})
  expect(await ipvs.services.get(sip)).toEqual(before)
  await ipvs.services.edit(sip, { scheduler: 'rr' })
  expect(await ipvs.services.get(sip)).toMatchObject({
    scheduler: 'rr',
    schedulerFlags: ['flag-2'],
    persistence,
  })
  await ipvs.services.edit(sip, { persistence: { timeout: 7 } })
  expect((await ipvs.services.get(sip)).persistence).toEqual({ ...persistence, timeout: 7 })
  await ipvs.services.edit(sip, { persistence: { engine: null }, schedulerFlags: [] })
  expect(await ipvs.services.get(sip)).toMatchObject({
    persistence: { timeout: 7, netmask: '255.255.255.0' },
    schedulerFlags: [],
    onePacket: true,
  })
  await ipvs.services.edit(sip, { persistence: null, onePacket: false })
  expect(await ipvs.services.get(sip)).toMatchObject({ persistence: null, onePacket: false })
})

test('an edit that would make a service useless is refused with what is in force', async () => {
  const ipvs = await open()
  const all = { ...web, port: 0 }
  await ipvs.services.add({ ...all, persistence: {} })
  await expect(ipvs.services.edit(all, { persistence: null })).rejects.toThrow(
    'port: 0 (every port) needs persistence',
  )
  expect((await ipvs.services.get(all)).persistence).not.toBeNull()
})

test('edit of a real server keeps its tunnel', async () => {
  const ipvs = await open()
  await ipvs.services.add(web)
  const server = { address: '10.0.0.1' }
  const tunnel = { type: 'gue', port: 6080, checksum: 'plain' } as const
  await ipvs.destinations.add(web, { ...server, forwarding: 'tunneling', tunnel })
  await ipvs.destinations.edit(web, server, { weight: 0 })
  expect(await ipvs.destinations.get(web, server)).toMatchObject({ weight: 0, tunnel })
  await ipvs.destinations.edit(web, server, { forwarding: 'direct-routing' })
  const direct = await ipvs.destinations.get(web, server)
  expect(direct).not.toHaveProperty('tunnel')
  await ipvs.destinations.edit(web, server, { forwarding: 'tunneling' })
  expect((await ipvs.destinations.get(web, server)).tunnel).toEqual({ type: 'ipip' })
})

test('edit of a tunnel keeps what is not named while the type stays', async () => {
  const ipvs = await open()
  await ipvs.services.add(web)
  const server = { address: '10.0.0.1' }
  const tunnel = { type: 'gue', port: 6080, checksum: 'remote' } as const
  await ipvs.destinations.add(web, { ...server, forwarding: 'tunneling', tunnel })
  await ipvs.destinations.edit(web, server, { tunnel: { port: 6081 } })
  expect((await ipvs.destinations.get(web, server)).tunnel).toEqual({ ...tunnel, port: 6081 })
  await expect(ipvs.destinations.edit(web, server, { tunnel: { type: 'gre', port: 1 } })).rejects.toThrow(
    'tunnel.port',
  )
  await ipvs.destinations.edit(web, server, { tunnel: { type: 'gre' } })
  expect((await ipvs.destinations.get(web, server)).tunnel).toEqual({ type: 'gre', checksum: 'none' })
})

test('what others made in a way that is refused here can still be edited', async () => {
  const netns = namespace()
  const ipvs = await open(netns.path)
  await ipvs.services.add({ ...web, port: 0 }, { force: true })
  await ipvs.services.edit({ ...web, port: 0 }, { scheduler: 'rr' })
  await ipvs.services.add(web)
  await ipvs.destinations.add(web, { address: '10.0.0.1', port: 8080 }, { force: true })
  await ipvs.destinations.edit(web, { address: '10.0.0.1', port: 8080 }, { weight: 0 })
  expect(await ipvs.destinations.list(web)).toMatchObject([
    { port: 8080, weight: 0, forwarding: 'direct-routing' },
  ])
  netns.ipvsadm('-A', '-f', '7')
  netns.ipvsadm('-a', '-f', '7', '-r', '10.0.0.1:80', '-g')
  await ipvs.destinations.add({ fwmark: 7 }, { address: '10.0.0.2', port: 80 })
  await ipvs.destinations.edit({ fwmark: 7 }, { address: '10.0.0.1', port: 80 }, { weight: 0 })
  expect(await ipvs.destinations.list({ fwmark: 7 })).toHaveLength(2)
})

test('an edit aborted after its write was sent tells that it was made', async () => {
  const ipvs = await open()
  await ipvs.services.add(web)
  const server = { address: '10.0.0.1' }
  await ipvs.destinations.add(web, server)
  const controller = new AbortController()
  const abortAtWrite = (context: unknown): void => {
    if ((context as TransactionContext).requests.some(({ command }) => command === 'setDest'))
      controller.abort()
  }
  const channel = tracingChannel('ipvs:transaction')
  channel.start.subscribe(abortAtWrite)
  onTestFinished(() => void channel.start.unsubscribe(abortAtWrite))
  await ipvs.destinations.edit(web, server, { weight: 9 }, { signal: controller.signal })
  expect(controller.signal.aborted).toBe(true)
  expect(await ipvs.destinations.get(web, server)).toMatchObject({ weight: 9 })
})

test('a thousand edits of one service read it once', async () => {
  const ipvs = await open()
  await ipvs.services.add(web)
  const servers = Array.from({ length: 1000 }, (_, i) => ({ address: `10.0.${i >> 8}.${i & 255}` })).slice(1)
  await Promise.all(servers.map((server) => ipvs.destinations.add(web, { ...server, upperThreshold: 7 })))
  const commands: string[] = []
  const note = (context: unknown): void => {
    commands.push(...(context as TransactionContext).requests.map(({ command }) => command))
  }
  const channel = tracingChannel('ipvs:transaction')
  channel.start.subscribe(note)
  onTestFinished(() => void channel.start.unsubscribe(note))
  await Promise.all(servers.map((server) => ipvs.destinations.edit(web, server, { weight: 5 })))
  expect(commands.filter((command) => command === 'getDest')).toHaveLength(1)
  expect(commands.filter((command) => command === 'setDest')).toHaveLength(999)
  const list = await ipvs.destinations.list(web)
  expect(new Set(list.map(({ weight, upperThreshold }) => `${weight} ${upperThreshold}`))).toEqual(
    new Set(['5 7']),
  )
})

test('what the kernel accepts from others can be seen and deleted', async () => {
  const netns = namespace()
  const ipvs = await open(netns.path)
  const odd = { ...web, protocol: 'protocol-1' } as const
  await ipvs.services.add(odd, { force: true })
  expect(await ipvs.services.list()).toMatchObject([odd])
  await ipvs.services.delete(odd)
  expect(await ipvs.services.list()).toEqual([])
})

test('a firewall mark holds one service per family', async () => {
  const ipvs = await open()
  await ipvs.services.add({ fwmark: 7, scheduler: 'rr' })
  await ipvs.services.add({ fwmark: 7, family: 'ipv6', scheduler: 'wrr' })
  await ipvs.destinations.add({ fwmark: 7, family: 'ipv6' }, { address: '2001:db8::5' })
  expect(await ipvs.services.get({ fwmark: 7 })).toMatchObject({ family: 'ipv4', scheduler: 'rr' })
  expect((await ipvs.snapshot()).services).toHaveLength(2)
  await ipvs.services.delete({ fwmark: 7 })
  expect(await ipvs.services.list()).toMatchObject([{ fwmark: 7, family: 'ipv6' }])
})

test('counters can be set to zero, one service or all', async () => {
  const ipvs = await open()
  await ipvs.services.add(web)
  await ipvs.services.zero(web)
  await ipvs.zero()
  await expect(ipvs.services.zero({ ...web, port: 81 })).rejects.toMatchObject({ reason: 'no-such-service' })
})

test('both daemons with all their settings', async () => {
  const netns = namespace()
  netns.exec('ip', 'link', 'add', 'sync0', 'type', 'dummy')
  netns.exec('ip', 'address', 'add', '10.9.0.1/24', 'dev', 'sync0')
  netns.exec('ip', 'link', 'set', 'sync0', 'up')
  const ipvs = await open(netns.path)
  const master = {
    state: 'master',
    interface: 'sync0',
    syncId: 17,
    maxLength: 1400,
    group: '239.1.2.3',
    port: 9000,
    ttl: 4,
  } as const
  await ipvs.daemons.start(master)
  await ipvs.daemons.start({ state: 'backup', interface: 'sync0' })
  expect(await ipvs.daemons.list()).toEqual([
    master,
    {
      state: 'backup',
      interface: 'sync0',
      syncId: 0,
      maxLength: 1472,
      group: '224.0.0.81',
      port: 8848,
      ttl: 1,
    },
  ])
  const listed = netns.ipvsadm('-L', '--daemon')
  expect(listed).toContain(
    'master sync daemon (mcast=sync0, syncid=17, maxlen=1400, group=239.1.2.3, port=9000, ttl=4)',
  )
  await Promise.all([ipvs.daemons.stop('master'), ipvs.daemons.stop('backup')])
  expect(await ipvs.daemons.list()).toEqual([])
})

test('a daemon that has only just started can be stopped, twenty times, without waiting for the deadline', async () => {
  const ipvs = await Ipvs.open({ netns: namespace().path, deadline: 50_000 })
  onTestFinished(() => ipvs.close())
  const start = Date.now()
  for (let i = 0; i < 20; i++) {
    await ipvs.daemons.start({ state: 'master', interface: 'lo' })
    await ipvs.daemons.stop('master')
  }
  expect(Date.now() - start).toBeLessThan(45_000) // one lost ACK would take the whole deadline
  expect(await ipvs.daemons.list()).toEqual([])
})
