// Watch on the real kernel: what others change is seen once, rates are those of the traffic, churn removes nothing.
// SPDX-License-Identifier: MIT

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { type Ipvs, type TableChange, type WatchedTable, type WatchOptions, watch } from '../../lib/index.ts'
import { balancer, dns } from './balancer.ts'
import { namespace, open } from './namespace.ts'
import { patience } from './slowness.ts'

/** A watch that runs beside the test, until the test ends. */
const watching = (ipvs: Ipvs, options: WatchOptions): WatchedTable[] => {
  const controller = new AbortController()
  const items: WatchedTable[] = []
  const follow = async (): Promise<void> => {
    for await (const item of watch(ipvs, { ...options, signal: controller.signal })) items.push(item)
  }
  const ended = follow()
  onTestFinished(() => {
    controller.abort()
    return ended
  })
  return items
}

/** Waits for so many items more. */
const more = async (items: readonly WatchedTable[], count: number): Promise<void> => {
  const enough = items.length + count
  while (items.length < enough) await sleep(10)
}

const line = (change: TableChange): string => {
  const { port, fwmark } = change.service
  const server = 'destination' in change ? ` ${change.destination.address}` : ''
  const fields =
    'fields' in change
      ? change.fields.map(
          ({ field, before, after }) => ` ${field} ${JSON.stringify(before)} ${JSON.stringify(after)}`,
        )
      : []
  return `${change.type} ${port ?? `mark ${fwmark}`}${server}${fields.join('')}`
}

test('what ipvsadm changes is seen exactly once, with the fields', async () => {
  const netns = namespace()
  const ipvs = await open(netns.path)
  netns.ipvsadm('-A', '-t', '192.0.2.10:80', '-s', 'rr')
  netns.ipvsadm('-a', '-t', '192.0.2.10:80', '-r', '10.0.0.1:80', '-g', '-w', '1')
  const items = watching(ipvs, { interval: 100 })
  await more(items, 2)
  expect(items[0]).toMatchObject({ stable: true, changes: [], services: [{ destinations: [{ weight: 1 }] }] })
  const steps = [
    [
      ['-e', '-t', '192.0.2.10:80', '-r', '10.0.0.1:80', '-g', '-w', '7'],
      ['destination-changed 80 10.0.0.1 weight 1 7'],
    ],
    [['-a', '-t', '192.0.2.10:80', '-r', '10.0.0.2:80', '-g', '-x', '9'], ['destination-added 80 10.0.0.2']],
    [
      ['-E', '-t', '192.0.2.10:80', '-s', 'sh', '-b', 'sh-port', '-p', '300'],
      [
        'service-changed 80 scheduler "rr" "sh" schedulerFlags [] ["port"] ' +
          'persistence null {"timeout":300,"netmask":"255.255.255.255"}',
      ],
    ],
    [
      ['-e', '-t', '192.0.2.10:80', '-r', '10.0.0.1:80', '-i', '-w', '7', '-x', '3'],
      [
        'destination-changed 80 10.0.0.1 forwarding "direct-routing" "tunneling" upperThreshold 0 3 ' +
          'tunnel undefined {"type":"ipip"}',
      ],
    ],
    [['-A', '-f', '7', '-6', '-s', 'wrr'], ['service-added mark 7']],
    [['-Z'], []],
    [['-d', '-t', '192.0.2.10:80', '-r', '10.0.0.2:80'], ['destination-removed 80 10.0.0.2']],
    [
      ['-D', '-t', '192.0.2.10:80'],
      ['destination-removed 80 10.0.0.1', 'service-removed 80'],
    ],
    [['-C'], ['service-removed mark 7']],
  ] as const
  for (const [args] of steps) {
    netns.ipvsadm(...args)
    await more(items, 2)
  }
  await more(items, 3)
  const seen = items.flatMap(({ changes }) => changes.map(line))
  expect(seen).toEqual(steps.flatMap(([, changes]) => changes))
  expect(items.at(-1)).toMatchObject({ services: [], stable: true })
})

test('rates are those of the traffic, at any interval; setting counters to zero makes none negative', {
  timeout: 120_000 * patience,
}, async () => {
  const { ipvs, client, director } = await balancer(dns, { scheduler: 'rr' }, ['10.0.0.1'])
  const [often, steady] = [watching(ipvs, { interval: 250 }), watching(ipvs, { interval: 2000 })]
  const start = performance.now()
  const stream = client.stream(40, 30)
  await sleep(6000)
  const [from, steadyFrom] = [often.length, steady.length]
  await sleep(12_000)
  const [to, steadyTo] = [often.length, steady.length]
  director.ipvsadm('-Z')
  const zeroed = performance.now()
  await sleep(8000)
  const packets = (items: readonly WatchedTable[]) =>
    items.map(({ services }) => [services[0]!.rates?.inPps, services[0]!.destinations[0]!.rates?.inPps])
  const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length
  for (const items of [often.slice(from, to), steady.slice(steadyFrom, steadyTo)]) {
    const rates = packets(items).flat() as number[]
    expect(Math.min(...rates)).toBeGreaterThan(15)
    expect(Math.max(...rates)).toBeLessThan(85)
    expect(mean(rates)).toBeGreaterThan(36)
    expect(mean(rates)).toBeLessThan(44)
  }
  const { rates } = often[to - 1]!.services[0]!
  expect(rates!.inBps / rates!.inPps).toBeCloseTo(100, 0) // 72 bytes in UDP over IPv4
  expect(rates!.outPps).toBeGreaterThan(15)

  // Unknown at once, then as before.
  const after = packets(often.slice(to)).map(([service]) => service)
  expect(after.slice(0, 4)).toContain(undefined)
  expect(after.every((rate) => rate === undefined || rate >= 0)).toBe(true)
  expect(after.at(-1)).toBeGreaterThan(15)
  expect(often.flatMap(({ changes }) => changes)).toEqual([])
  expect(zeroed - start).toBeGreaterThan(18_000)

  // Ten seconds without traffic are no traffic.
  const sent = await stream
  expect(sent).toBeGreaterThan(1100)
  await sleep(7000)
  expect(often.at(-1)!.services[0]!.rates).toEqual({ cps: 0, inPps: 0, outPps: 0, inBps: 0, outBps: 0 })
})

test('while others add and delete without end, nothing of ours is reported', {
  timeout: 120_000 * patience,
}, async () => {
  const netns = namespace()
  const ipvs = await open(netns.path)
  const ours = Array.from({ length: 300 }, (_, i) => ({
    protocol: 'tcp' as const,
    address: '192.0.2.10',
    port: 1000 + i,
  }))
  const hosts = Array.from({ length: 20 }, (_, i) => ({ address: `10.0.0.${i + 1}` }))
  await Promise.all([
    ...ours.map((service) => ipvs.services.add(service)),
    ...hosts.map((host) => ipvs.destinations.add(ours[0]!, host)),
  ])
  const other = await open(netns.path)
  let going = true
  const churn = async (): Promise<void> => {
    for (let i = 0; going; i++) {
      const services = Array.from({ length: 40 }, (_, k) => ({
        ...ours[0]!,
        port: 10_000 + ((i * 40 + k) % 5000),
      }))
      await Promise.all(services.map((service) => other.services.add(service)))
      await Promise.all(services.map((service) => other.services.delete(service)))
    }
  }
  const churning = churn()
  const items = watching(ipvs, { interval: 100 })
  await more(items, 25)
  going = false
  await churning
  await more(items, 2)
  expect(items.filter(({ stable }) => !stable).length).toBeGreaterThan(3)
  const about = items.flatMap(({ changes }) => changes).filter(({ service }) => service.port! < 10_000)
  expect(about).toEqual([])
  // What others made and deleted was seen to go as often as it was seen to come.
  const first = items[0]!.services.length - ours.length
  const count = (type: TableChange['type']) =>
    items.flatMap(({ changes }) => changes).filter((change) => change.type === type).length
  expect(first + count('service-added') - count('service-removed')).toBe(0)
  expect(items.at(-1)!.services).toHaveLength(ours.length)
})
