// reconcile() on the real kernel: what ipvsadm does to the table is repaired, what it does beside it is not touched.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import { type DesiredTable, type ReconcileRound, reconcile } from '../../lib/index.ts'
import { namespace, open } from './namespace.ts'
import { patience } from './slowness.ts'

const web = { protocol: 'tcp', address: '192.0.2.10', port: 80 } as const

const tableOf = (...servers: string[]): DesiredTable => ({
  services: [
    {
      ...web,
      scheduler: 'wrr',
      destinations: servers.map((address) => ({ address, forwarding: 'masquerading', weight: 5 })),
    },
  ],
})

const rules = (...servers: string[]): string[] => [
  '-A -t 192.0.2.10:80 -s wrr',
  ...servers.map((address) => `-a -t 192.0.2.10:80 -r ${address}:80 -m -w 5`),
]

test('drift is repaired, a new table is applied, and two at once do not get in the way of each other', {
  timeout: 180_000 * patience,
}, async () => {
  const netns = namespace()
  const controller = new AbortController()
  const { signal } = controller
  const rounds: ReconcileRound[] = []
  const news: ((table: DesiredTable) => void)[] = []
  const source = async function* () {
    yield tableOf('10.0.0.1', '10.0.0.2')
    yield await new Promise<DesiredTable>((resolve) => void news.push(resolve))
  }
  const keep = async (): Promise<void> => {
    const ipvs = await open(netns.path)
    const options = { period: 200, backoff: { first: 50 }, signal }
    for await (const round of reconcile(ipvs, source(), options)) rounds.push(round)
  }
  const owned = (): string[] => {
    const lines = netns.ipvsadm('-Sn').split('\n')
    return lines.map((line) => line.trim()).filter((line) => line.includes('192.0.2.10'))
  }
  /** Whatever the order of the servers is by now. */
  const becomes = async (...servers: string[]): Promise<void> =>
    expect
      .poll(() => owned().sort(), { timeout: 20_000 * patience, interval: 100 })
      .toEqual(rules(...servers).sort())

  const running = [keep(), keep()]
  await becomes('10.0.0.1', '10.0.0.2')
  netns.ipvsadm('-A', '-t', '198.51.100.1:80', '-s', 'rr')
  netns.ipvsadm('-D', '-t', '192.0.2.10:80')
  await becomes('10.0.0.1', '10.0.0.2')
  netns.ipvsadm('-E', '-t', '192.0.2.10:80', '-s', 'rr')
  await becomes('10.0.0.1', '10.0.0.2')
  netns.ipvsadm('-a', '-t', '192.0.2.10:80', '-r', '10.0.0.9:80', '-m')
  await becomes('10.0.0.1', '10.0.0.2')
  expect(rounds.some(({ cause, plan }) => cause === 'period' && plan!.changes.length > 0)).toBe(true)

  for (const tell of news) tell(tableOf('10.0.0.2', '10.0.0.3', '10.0.0.4'))
  await becomes('10.0.0.2', '10.0.0.3', '10.0.0.4')
  controller.abort()
  await Promise.all(running)
  expect(rounds.filter(({ error }) => error !== null)).toEqual([])
  expect(netns.ipvsadm('-Sn')).toContain('-A -t 198.51.100.1:80 -s rr')
})

test('two that disagree about what both own: the common server serves throughout, the rest is undisturbed', {
  timeout: 120_000 * patience,
}, async () => {
  const netns = namespace()
  const [mine, common, yours] = [10, 20, 30].map((last) => ({ ...web, address: `192.0.2.${last}` }))
  const onlyFirst = { ...web, address: '192.0.2.21' }
  const masquerading = (...servers: [string, number][]) =>
    servers.map(([address, weight]) => ({ address, weight, forwarding: 'masquerading' as const }))
  const table = (own: object, ...servers: [string, number][]): DesiredTable['services'] => [
    { ...web, ...own, scheduler: 'rr', destinations: masquerading(['10.0.0.1', 7]) },
    { ...web, ...common, scheduler: 'rr', destinations: masquerading(...servers) },
  ]
  const [first, second] = [
    [...table(mine!, ['10.0.1.1', 1], ['10.0.1.2', 1]), { ...onlyFirst, scheduler: 'rr' }],
    table(yours!, ['10.0.1.2', 5], ['10.0.1.3', 1]),
  ]
  const ending = [new AbortController(), new AbortController()] as const
  const rounds: ReconcileRound[][] = [[], []]
  /** Owns what it names and all up to .29, or from .20. */
  const keep = async (index: 0 | 1): Promise<void> => {
    const ipvs = await open(netns.path)
    const owns = ({ address = '' }: { address?: string | undefined }): boolean => {
      const last = Number(address.split('.')[3])
      return address.startsWith('192.0.2.') && (index === 0 ? last < 30 : last >= 20)
    }
    const services = index === 0 ? first : second
    const options = { owns, prune: true, period: 50, backoff: { first: 20, longest: 100 }, grace: 50 }
    const { signal } = ending[index]
    for await (const round of reconcile(ipvs, [{ services }], { ...options, signal }))
      rounds[index]!.push(round)
  }
  netns.ipvsadm('-A', '-t', '198.51.100.1:80', '-s', 'rr')
  const running = [keep(0), keep(1)]
  const watcher = await open(netns.path)
  const read = async () => (await watcher.snapshot()).services
  const filled = async (): Promise<number> =>
    (await read()).filter(
      ({ address, destinations }) => /^192.0.2..0$/.test(address!) && destinations.length > 0,
    ).length
  await expect.poll(filled, { timeout: 20_000 * patience }).toBe(3)
  const seen = new Set<string>()
  for (const end = performance.now() + 8000; performance.now() < end; ) {
    const services = await read()
    const at = (last: number) => services.find(({ address }) => address === `192.0.2.${last}`)
    const shared = at(20)!.destinations
    expect(shared.find(({ address }) => address === '10.0.1.2')!.weight).toBeGreaterThan(0)
    for (const last of [10, 30]) {
      expect(at(last)!.destinations).toMatchObject([{ address: '10.0.0.1', weight: 7 }])
    }
    expect(services.some(({ address }) => address === '198.51.100.1')).toBe(true)
    const servers = shared.map(({ address, weight }) => `${address} ${weight}`).sort()
    seen.add(`${servers.join(', ')}; ${at(21) ? 'with' : 'without'} .21`)
  }
  console.log(`${rounds.map(({ length }) => length)} rounds, ${seen.size} states of what is contested`)
  // Neither gives in, neither stops.
  expect(seen.size).toBeGreaterThan(1)
  for (const each of rounds) {
    expect(each.length).toBeGreaterThan(3)
    expect(each.filter(({ plan }) => plan!.changes.length > 0).length).toBeGreaterThan(1)
    // No round throws; what somebody else was faster with is told by its outcome.
    expect(each.filter(({ error }) => error !== null)).toEqual([])
    for (const outcome of each.flatMap(({ result }) => result?.outcomes ?? [])) {
      if (outcome.status === 'failed') {
        expect(outcome.error).toMatchObject({
          reason: expect.stringMatching(/^(no-such-|service-exists|destination-exists)/),
        })
      }
    }
  }
  ending[1].abort()
  await running[1]
  const contested = async (): Promise<readonly string[]> => {
    const found = (await read()).find(({ address }) => address === '192.0.2.20')
    return found!.destinations.map(({ address, weight }) => `${address} ${weight}`).sort()
  }
  await expect.poll(contested, { timeout: 20_000 * patience }).toEqual(['10.0.1.1 1', '10.0.1.2 1'])
  const addresses = async () => (await read()).map(({ address }) => address).sort()
  const all = [10, 20, 21, 30].map((last) => `192.0.2.${last}`)
  await expect.poll(addresses, { timeout: 20_000 * patience }).toEqual([...all, '198.51.100.1'])
  ending[0].abort()
  await running[0]
})
