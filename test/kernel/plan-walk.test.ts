// A random walk: tables (IPVS_WALK of them, or 40), one after the other, beside foreign services and a second writer who interferes.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import { type DesiredTable, type Ipvs, planBetween, type SnapshotService } from '../../lib/index.ts'
import { apply as restore } from './ipvsadm.ts'
import { namespace, open } from './namespace.ts'
import {
  blocks,
  changeForeign,
  foreigners,
  foreignState,
  interfere,
  isForeign,
  numbers,
  owns,
  table,
} from './plan-walk.ts'
import { patience } from './slowness.ts'

const STEPS = Number(process.env.IPVS_WALK ?? 40)
const options = { owns, prune: true, impact: false } as const

const keyText = ({ protocol, address, port, fwmark, family }: Partial<SnapshotService>): string =>
  fwmark === undefined ? `${protocol} ${address} ${port}` : `mark ${fwmark} ${family}`

const sorted = (values: readonly object[]): string[] => values.map((value) => JSON.stringify(value)).sort()

/** What the client reads, told in the same words as what was desired: every attribute of it. */
const expectTable = (services: readonly SnapshotService[], desired: DesiredTable): void => {
  const owned = services.filter(owns)
  const found = owned.map(({ scheduler, schedulerFlags, persistence, onePacket, destinations, ...key }) => ({
    key: keyText(key as SnapshotService),
    scheduler,
    flags: [...schedulerFlags].sort(),
    persistence: persistence && [persistence.timeout, persistence.netmask, persistence.engine ?? null],
    onePacket,
    servers: sorted(destinations.map(words)),
  }))
  const wanted = desired.services.map(
    ({ scheduler, schedulerFlags, persistence, onePacket, destinations, ...key }) => ({
      key: keyText(key as SnapshotService),
      scheduler,
      flags: [...(schedulerFlags ?? [])].sort(),
      persistence: persistence && [persistence.timeout, persistence.netmask, persistence.engine ?? null],
      onePacket,
      servers: sorted(
        (destinations ?? []).map((server) => words(server as SnapshotService['destinations'][0])),
      ),
    }),
  )
  expect(sorted(found)).toEqual(sorted(wanted))
}

const words = ({
  address,
  port,
  forwarding,
  weight,
  upperThreshold,
  lowerThreshold,
  tunnel,
}: SnapshotService['destinations'][0]) => ({
  server: `${address} ${port} ${forwarding} ${weight} ${upperThreshold} ${lowerThreshold}`,
  tunnel: tunnel && [tunnel.type, tunnel.port, tunnel.type === 'gue' ? tunnel.checksum : undefined],
})

/** Plans and applies until nothing is left to do, as reconcile() would; how often that was. */
const settle = async (ipvs: Ipvs, desired: DesiredTable): Promise<number> => {
  for (let rounds = 1; ; rounds++) {
    const made = await ipvs.plan(desired, options)
    const { complete, outcomes } = await ipvs.apply(made)
    if (complete) return rounds
    if (rounds === 5) expect(outcomes.filter(({ status }) => status !== 'done')).toEqual([])
  }
}

test(`after each of ${STEPS} steps what is owned is as desired, and what is foreign as others left it, to the byte`, {
  retry: 0,
  timeout: 5000 * STEPS * patience,
}, async () => {
  const random = numbers(20_260_815)
  const netns = namespace()
  const [ipvs, other] = [await open(netns.path), await open(netns.path)]
  // The same foreign services, changed by the same hand, where nothing is planned.
  const twin = namespace()
  const witness = await open(twin.path)
  for (const each of [netns, twin]) restore(each, foreigners)
  let foreign = blocks(twin)
  let state = foreignState(await witness.snapshot())
  expect(foreign).toHaveLength(5)
  const changed = new Set<string>()
  let [changes, repeated, disturbed, undone] = [0, 0, 0, 0]
  for (let step = 0; step < STEPS; step++) {
    const desired = table(random)
    if (step % 2 === 0) await interfere(other, random, 1 + random(4))
    if (step % 5 === 0) {
      // While it is applied: what comes of it may be anything owned, so that another round follows.
      disturbed++
      const made = await ipvs.plan(desired, options)
      const [{ outcomes }] = await Promise.all([
        ipvs.apply(made),
        interfere(other, random, 1 + random(6)).then(() =>
          changeForeign([other, witness], random, 1 + random(4)),
        ),
      ])
      foreign = blocks(twin)
      state = foreignState(await witness.snapshot())
      changed.add(state.join())
      undone += outcomes.filter(({ status }) => status !== 'done').length
      changes += made.changes.length
    }
    repeated += (await settle(ipvs, desired)) - 1
    const { services, stable } = await ipvs.snapshot()
    expect(stable).toBe(true)
    expectTable(services, desired)
    expect(planBetween({ services, stable }, desired, options).changes).toEqual([])
    const now = blocks(netns)
    expect(now.filter(isForeign)).toEqual(foreign)
    expect(foreignState({ services, stable })).toEqual(state)
    expect(now).toHaveLength(foreign.length + desired.services.length)
  }
  console.log(
    `${STEPS} tables, ${disturbed} of them disturbed while they were applied, so that of ${changes} changes ` +
      `${undone} were not made; ${repeated} rounds repeated once the second writer was quiet; ` +
      `${changed.size} states of what is foreign`,
  )
  expect(changed.size).toBeGreaterThan(STEPS / 20)
  if (STEPS >= 500) expect(undone).toBeGreaterThan(0) // few are disturbed in a short walk
})
