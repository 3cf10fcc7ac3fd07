// Drain with live connections through a director that masquerades: nothing breaks, new clients go elsewhere.
// SPDX-License-Identifier: MIT

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import {
  type DrainOptions,
  type DrainProgress,
  drain,
  type Ipvs,
  readSysctls,
  undrain,
} from '../../lib/index.ts'
import { at, type Balancer, balancer, dns, servers, web } from './balancer.ts'
import { namespace, open } from './namespace.ts'
import { patience } from './slowness.ts'

const [one, two, three] = servers
const interval = 200

/** What is known of a drain that runs beside the test. */
class Running {
  readonly items: DrainProgress[] = []
  readonly #ended: Promise<void>

  constructor(progress: AsyncIterable<DrainProgress>) {
    const follow = async (): Promise<void> => {
      for await (const item of progress) this.items.push(item)
    }
    this.#ended = follow()
    this.#ended.catch(() => undefined)
  }

  get last(): DrainProgress {
    return this.items.at(-1)!
  }

  /** The first item from now on of which this holds. */
  async until(holds: (item: DrainProgress) => boolean): Promise<DrainProgress> {
    for (let i = this.items.length; ; i++) {
      while (this.items.length <= i) {
        if (await Promise.race([this.#ended.then(() => true), sleep(20)])) break
      }
      const item = this.items[i]
      if (item === undefined) throw new Error(`it has ended: ${JSON.stringify(this.last)}`)
      if (holds(item)) return item
    }
  }

  /** The last item. */
  async end(): Promise<DrainProgress> {
    await this.#ended
    return this.last
  }
}

const codes = (item: DrainProgress) => item.notes.map(({ code }) => code)
const draining = (
  ipvs: Ipvs,
  address: string,
  options: DrainOptions = {},
  service: typeof web | typeof dns = web,
) => new Running(drain(ipvs, service, at(address), { interval, ...options }))

const listed = async ({ ipvs }: Balancer) =>
  Object.fromEntries((await ipvs.destinations.list(web)).map(({ address, weight }) => [address, weight]))

const tally = (names: readonly string[]) =>
  Object.fromEntries(servers.map((server) => [server, names.filter((name) => name === server).length]))

/** A process of drain-process.mjs. */
const processOf = (netns: string, options: DrainOptions) => {
  const script = fileURLToPath(new URL('drain-process.mjs', import.meta.url))
  const order = { service: web, destination: at(one), options: { interval, ...options } }
  const child = spawn(process.execPath, [script, netns, JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exit = once(child, 'exit')
  onTestFinished(() => void child.kill('SIGKILL'))
  const items = async function* (): AsyncGenerator<DrainProgress> {
    for await (const line of createInterface(child.stdout)) yield JSON.parse(line)
  }
  return { child, exit, running: new Running(items()) }
}

test('0 of 200 connections break, new ones go elsewhere, kill -9 midway, a second process finishes', {
  timeout: 120_000 * patience,
}, async () => {
  const all = await balancer(web, { scheduler: 'rr' }, [one])
  const { client, director, ipvs } = all
  expect(tally(await client.open(200))).toEqual({ [one]: 200, [two]: 0, [three]: 0 })
  for (const address of [two, three])
    await ipvs.destinations.add(web, { ...at(address), forwarding: 'masquerading', weight: 5 })

  const first = processOf(director.path, {})
  const quiesced = await first.running.until(({ state }) => state === 'waiting')
  expect(quiesced).toMatchObject({
    left: 200,
    activeConns: 200,
    inactiveConns: 0,
    weightBefore: 5,
    notes: [],
  })
  expect(tally(await client.open(40))).toEqual({ [one]: 0, [two]: 20, [three]: 20 })
  expect(await client.talk()).toEqual({ alive: 240, broken: 0 })
  expect(await client.close(one, 80, 'reset')).toBe(80)
  await first.running.until(({ activeConns }) => activeConns === 120)
  first.child.kill('SIGKILL')
  expect(await first.exit).toEqual([null, 'SIGKILL'])

  // Everything that is left to know is in the table.
  expect(await listed(all)).toEqual({ [one]: 0, [two]: 5, [three]: 5 })
  expect(await client.talk()).toEqual({ alive: 160, broken: 0 })
  const second = processOf(director.path, {})
  const resumed = await second.running.until(({ state }) => state === 'waiting')
  expect(resumed).toMatchObject({ activeConns: 120, weightBefore: null })
  expect(tally(await client.open(10))[one]).toBe(0)
  expect(await client.close(one, 119, 'reset')).toBe(119)
  await second.running.until(({ left }) => left === 1)
  expect(await client.talk()).toEqual({ alive: 51, broken: 0 })
  expect(await listed(all)).toHaveProperty([one], 0)
  expect(await client.close(one, 1, 'reset')).toBe(1)
  expect(await second.running.end()).toMatchObject({ state: 'drained', left: 0, deleted: true, notes: [] })
  expect(await second.exit).toEqual([0, null])
  expect(await listed(all)).toEqual({ [two]: 5, [three]: 5 })
  expect(await client.talk()).toEqual({ alive: 50, broken: 0 })
})

test('a half-closed connection still carries data: no-connections waits for it, no-active cuts it', async () => {
  const { client, ipvs } = await balancer()
  const [home] = (await client.open(1)) as [string]
  await client.halfClose()
  const controller = new AbortController()
  const careful = draining(ipvs, home, { signal: controller.signal })
  await careful.until(({ activeConns, inactiveConns }) => activeConns === 0 && inactiveConns === 1)
  const before = await client.received()
  await sleep(1000)
  expect(careful.last).toMatchObject({ state: 'waiting', left: 1 })
  const during = await client.received()
  expect(during).toBeGreaterThan(before)
  controller.abort()
  await careful.end()

  const hasty = await draining(ipvs, home, { until: 'no-active' }).end()
  expect(hasty).toMatchObject({ state: 'drained', left: 0, inactiveConns: 1, deleted: true })
  expect(codes(hasty)).toEqual(['connections-cut'])
})

test('the deadline: the server goes with what is left, or stays quiesced', async () => {
  const all = await balancer()
  const { client, ipvs } = all
  expect(tally(await client.open(30))).toEqual({ [one]: 10, [two]: 10, [three]: 10 })
  const kept = await draining(ipvs, one, { deadline: 1000, keep: 'at-deadline' }).end()
  expect(kept).toMatchObject({ state: 'deadline', left: 10, deleted: false, weightBefore: 5 })
  expect(kept.elapsed).toBeGreaterThanOrEqual(990)
  expect(await listed(all)).toEqual({ [one]: 0, [two]: 5, [three]: 5 })
  expect(await client.talk()).toEqual({ alive: 30, broken: 0 })

  const cut = await draining(ipvs, one, { deadline: new Date(Date.now() + 500) }).end()
  expect(cut).toMatchObject({ state: 'deadline', left: 10, deleted: true, weightBefore: null })
  expect(cut.notes[0]!.text).toContain('deleted with 10 active and 0 inactive connections')
  expect(await listed(all)).toEqual({ [two]: 5, [three]: 5 })
  expect(await client.talk()).toEqual({ alive: 20, broken: 10 })
})

test('undrain ends a drain and brings the clients back; so it does after an abort and after maintenance', async () => {
  const all = await balancer()
  const { client, ipvs } = all
  await ipvs.destinations.edit(web, at(one), { upperThreshold: 1000, lowerThreshold: 10 })
  await client.open(3)
  const running = draining(ipvs, one)
  const { weightBefore } = await running.until(({ left }) => left === 1)
  await undrain(ipvs, web, at(one), weightBefore!)
  expect(await running.end()).toMatchObject({ state: 'restored', left: 1, deleted: false })
  expect(await ipvs.destinations.get(web, at(one))).toMatchObject({
    weight: 5,
    upperThreshold: 1000,
    lowerThreshold: 10,
    forwarding: 'masquerading',
  })
  expect(tally(await client.open(3))).toEqual({ [one]: 1, [two]: 1, [three]: 1 })

  const controller = new AbortController()
  const aborted = draining(ipvs, one, { signal: controller.signal, interval: 60_000 })
  await aborted.until(({ left }) => left === 2)
  controller.abort()
  expect(await aborted.end()).toMatchObject({ state: 'aborted', left: 2, deleted: false, weightBefore: 5 })
  expect(await listed(all)).toEqual({ [one]: 0, [two]: 5, [three]: 5 })
  expect(tally(await client.open(4))[one]).toBe(0)
  expect(await client.talk()).toEqual({ alive: 10, broken: 0 })

  await client.close(one, 2, 'end')
  const idle = await draining(ipvs, one, { until: 'no-active', keep: 'always' }).end()
  expect(idle).toMatchObject({ state: 'drained', deleted: false, notes: [] })
  await undrain(ipvs, web, at(one), 5)
  expect(tally(await client.open(3))).toEqual({ [one]: 1, [two]: 1, [three]: 1 })
  expect(await client.talk()).toEqual({ alive: 11, broken: 0 })
})

test('persistence: the template keeps its client on the server until a sysctl or its timeout ends that', {
  timeout: 120_000 * patience,
}, async () => {
  const settings = { scheduler: 'rr', persistence: { timeout: 30 } }
  const { client, ipvs, sysctl } = await balancer(web, settings)
  const [home] = (await client.open(1)) as [string]
  const running = draining(ipvs, home, { until: 'no-templates' })
  const told = await running.until(({ left }) => left === 2)
  expect(told).toMatchObject({ activeConns: 1, persistentConns: 1 })
  expect(told.notes.map(({ text }) => text)).toEqual([
    '1 persistence template: their clients keep coming to this server (unless net.ipv4.vs.expire_quiescent_template ' +
      "of the director's network namespace is 1); a template ends 30 s after its client's last connection",
  ])
  expect(await client.open(5)).toEqual([home, home, home, home, home])
  await running.until(({ activeConns }) => activeConns === 6)

  sysctl('expire_quiescent_template', 1)
  const elsewhere = await client.open(5)
  expect(elsewhere).not.toContain(home)
  expect(new Set(elsewhere).size).toBe(1)
  expect(await client.talk()).toEqual({ alive: 11, broken: 0 })
  await client.close(home, 6, 'reset')
  // The connections are forgotten 10 s after the reset; the template, though nobody uses it, not before its time.
  const forgotten = await running.until(({ inactiveConns }) => inactiveConns === 0)
  expect(forgotten).toMatchObject({ state: 'waiting', left: 1, persistentConns: 1 })
  expect(await running.end()).toMatchObject({ state: 'drained', left: 0, deleted: true })
  expect(await client.talk()).toEqual({ alive: 5, broken: 0 })
})

test('UDP: a flow keeps its server while it goes on, and counts until its timeout', async () => {
  const { client, ipvs } = await balancer(dns)
  await ipvs.setTimeouts({ udp: 4 })
  const home = await client.ask(4000)
  expect(servers).toContain(home)
  const running = draining(ipvs, home!, {}, dns)
  const told = await running.until(({ left }) => left === 1)
  expect(told).toMatchObject({ activeConns: 0, inactiveConns: 1 })
  expect(codes(told)).toEqual(['datagrams'])
  expect(told.notes[0]!.text).toContain('end 4 s after their last packet')
  for (let i = 0; i < 6; i++) {
    expect(await client.ask(4000)).toBe(home)
    expect(await client.ask(4001 + i)).not.toBe(home)
    await sleep(1000)
  }
  expect(running.last).toMatchObject({ state: 'waiting', left: 1 })
  const last = performance.now()
  expect(await running.end()).toMatchObject({ state: 'drained', deleted: true, notes: [] })
  expect(performance.now() - last).toBeLessThan(8000 * patience)
  expect(await client.ask(4000)).not.toBe(home)

  const [other] = servers.filter((server) => server !== home) as [string]
  const port = (await client.ask(5000)) === other ? 5000 : 5001
  expect(await client.ask(port)).toBe(other)
  const hasty = await draining(ipvs, other, { until: 'no-active' }, dns).end()
  expect(hasty).toMatchObject({ state: 'drained', deleted: true })
  expect(codes(hasty)).toEqual(['datagrams', 'connections-cut'])
})

test('datagrams that are scheduled one by one leave nothing to wait for', async () => {
  const { client, ipvs } = await balancer(dns, { scheduler: 'rr', onePacket: true })
  expect(tally([(await client.ask(4000))!, (await client.ask(4000))!, (await client.ask(4000))!])).toEqual({
    [one]: 1,
    [two]: 1,
    [three]: 1,
  })
  expect(await draining(ipvs, one, {}, dns).end()).toMatchObject({ state: 'drained', left: 0, notes: [] })
  expect(await client.ask(4000)).not.toBe(one)
})

test('both servers of a service at once; the last one is said to be that', async () => {
  const { client, ipvs } = await balancer(web, { scheduler: 'rr' }, [one, two])
  await client.open(2)
  const [left, right] = [one, two].map((address) => draining(ipvs, address, { until: 'no-active' })) as [
    Running,
    Running,
  ]
  expect(codes(await left.until((item) => item.left === 1))).toEqual(['last-server'])
  await expect(client.open(1)).rejects.toThrow()
  expect(await client.talk()).toEqual({ alive: 2, broken: 0 })
  await client.close(one, 1, 'end')
  await client.close(two, 1, 'end')
  expect([await left.end(), await right.end()]).toMatchObject([
    { state: 'drained', deleted: true },
    { state: 'drained', deleted: true },
  ])
  expect(await ipvs.destinations.list(web)).toEqual([])
})

test('two drains of one server: one deletes it, the other sees that it is gone', async () => {
  const { ipvs, client } = await balancer()
  await client.open(3)
  const pair = [draining(ipvs, one, { until: 'no-active' }), draining(ipvs, one, { until: 'no-active' })]
  await pair[0]!.until(({ left }) => left === 1)
  await client.close(one, 1, 'end')
  const ends = await Promise.all(pair.map((running) => running.end()))
  expect(ends.map(({ state }) => state).sort()).toEqual(['drained', 'gone'])
  expect(ends.filter(({ deleted }) => deleted)).toHaveLength(1)
})

test('sh refuses clients of a quiesced server, as the note says, unless it falls back', async () => {
  const { client, ipvs } = await balancer(web, { scheduler: 'sh', schedulerFlags: ['port'] })
  const idle = { until: 'no-active', keep: 'always' } as const
  const refusals = async (): Promise<number> => {
    let refused = 0
    for (let i = 0; i < 80; i++) await client.open(1).catch(() => refused++)
    return refused
  }
  const [first] = (await client.open(1)) as [string]
  await client.close(first, 1, 'end')
  const quiesced = await draining(ipvs, one, idle).end()
  expect(codes(quiesced)).toEqual(['scheduler-refuses'])
  // Of the weights 0, 5 and 5 it makes 1, 5 and 5 places.
  expect(await refusals()).toBeGreaterThan(0)
  await ipvs.services.edit(web, { schedulerFlags: ['port', 'fallback'] })
  expect(codes(await draining(ipvs, one, idle).end())).toEqual([])
  expect(await refusals()).toBe(0)
  expect((await client.talk()).broken).toBe(0)
})

test('the settings of the kernel are those of the namespace that is asked for, or that the process is in', async () => {
  const director = namespace()
  await open(director.path) // Before IPVS is loaded there are none.
  director.exec('sysctl', '-qw', 'net.ipv4.vs.expire_nodest_conn=1', 'net.ipv4.vs.conn_reuse_mode=0')
  const settings = { expire_quiescent_template: 0, expire_nodest_conn: 1, conn_reuse_mode: 0 }
  expect(await readSysctls({ netns: director.path })).toMatchObject(settings)
  const index = new URL('../../dist/index.js', import.meta.url)
  const script = `import { readSysctls } from '${index}'; console.log(JSON.stringify(await readSysctls()))`
  const read = director.exec(process.execPath, '--input-type=module', '-e', script)
  expect(JSON.parse(read)).toMatchObject(settings)
})
