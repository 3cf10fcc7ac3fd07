// reconcile() on the real kernel: what ipvsadm does to the table is repaired, what it does beside it is not touched.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import { type DesiredTable, type ReconcileRound, reconcile } from '../../lib/index.ts'
import { namespace, open } from './namespace.ts'

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
  timeout: 180_000,
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
    expect.poll(() => owned().sort(), { timeout: 20_000, interval: 100 }).toEqual(rules(...servers).sort())

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
