// Directors come, change and go with traffic and with rebuilds pending; then the modules can be unloaded.
// SPDX-License-Identifier: MIT

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { Director } from './schedulers-director.ts'
import { loaded, ours, unload } from './schedulers-modules.ts'
import { hosts, web } from './schedulers-servers.ts'
import { patience, slowness } from './slowness.ts'

vi.setConfig({ testTimeout: 180_000 * patience })

/** A debug kernel needs some ten seconds for each. */
const DIRECTORS = slowness > 1 ? 24 : 100
const LANES = 4
const schedulers = ['msh', 'mh', 'maglev', 'wlc', 'hrw', 'sh'] as const
const servers = hosts(10).map((server, i) => ({ ...server, weight: i * i }))

/** Those that rebuild later have the last word. */
const delaying = ['msh', 'maglev'] as const
const lastOf = (number: number) => delaying[number % 2]!

/** All that can be done to a service, one scheduler after the other, each following each in some director. */
const change = async ({ ipvs: { services, destinations } }: Director, number: number): Promise<void> => {
  const changes = schedulers.flatMap((_, i) => [
    services.edit(web, { scheduler: schedulers[(i * ((number % 5) + 1) + number) % schedulers.length]! }),
    ...servers.slice(0, 4).map((server) => destinations.edit(web, server, { weight: 1 + i })),
    ...servers.slice(3, 6).map((server) => destinations.delete(web, server)),
    destinations.edit(web, servers[7]!, { weight: 0 }),
    ...servers.slice(3, 6).map((server) => destinations.add(web, server)),
    destinations.edit(web, servers[7]!, { weight: 49 }),
  ])
  await Promise.all([
    ...changes,
    services.edit(web, { scheduler: lastOf(number) }),
    ...servers.map((server) => destinations.edit(web, server, { weight: 5 })),
    ...servers.slice(7).map((server) => destinations.delete(web, server)),
  ])
}

/** Resolves to whether a rebuild was pending when the director ended. */
const life = async (number: number): Promise<boolean> => {
  const at = await Director.begin()
  try {
    await at.ipvs.services.add({
      ...web,
      scheduler: schedulers[number % schedulers.length],
      schedulerFlags: ['flag-1'],
    })
    // More or less of it goes on when the director ends.
    const sprayed = Array.from({ length: 20 }, (_, i) =>
      at.spray({ count: 500, sourcePort: i }).then(
        () => true,
        () => false,
      ),
    )
    await Promise.all(servers.map((server) => at.ipvs.destinations.add(web, server)))
    await change(at, number)
    expect(await at.ipvs.destinations.list(web)).toHaveLength(7)
    expect(await sprayed[number % 20]).toBe(true)
    // Whatever the time since the last build: the second of two waits.
    for (const weight of [6, 7]) await at.ipvs.destinations.edit(web, servers[0]!, { weight })
    return at.pending(lastOf(number))
  } finally {
    await at.end()
  }
}

test('many directors change all the time, end with rebuilds pending, and leave nothing behind', async () => {
  execFileSync('modprobe', ['-a', ...ours.map((name) => `ip_vs_${name}`)])
  const delay = (milliseconds: number) => {
    for (const name of delaying)
      writeFileSync(`/sys/module/ip_vs_${name}/parameters/rebuild_ms`, `${milliseconds}`)
  }
  let next = 0
  let pending = 0
  const start = Date.now()
  const lane = async (until: number): Promise<void> => {
    while (next < until) if (await life(next++)) pending++
  }
  const lives = async (until: number): Promise<void> => {
    await Promise.all(Array.from({ length: LANES }, () => lane(until)))
  }
  // Rebuilt again and again beside the traffic; then not before the end.
  delay(1)
  await lives(DIRECTORS / 2)
  pending = 0
  delay(60_000)
  await lives(DIRECTORS)
  expect(pending).toBe(DIRECTORS / 2)
  const churned = Date.now()
  await unload()
  for (const name of ours) expect(loaded(`ip_vs_${name}`)).toBe(false)
  console.log(`${DIRECTORS} directors in ${churned - start} ms, unloaded after ${Date.now() - churned} ms`)
})
