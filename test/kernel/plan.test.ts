// Plan and apply on the real kernel: from nothing to a large table, no write where nothing changes, one for one.
// SPDX-License-Identifier: MIT

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { commands } from '../../lib/abi.ts'
import {
  apply,
  type DesiredTable,
  formatPlan,
  type Plan,
  type PlannedChange,
  plan,
  planBetween,
} from '../../lib/index.ts'
import { namespace, open, openSync } from './namespace.ts'
import { patience } from './slowness.ts'
import { writesOf } from './writes.ts'

const web = { protocol: 'tcp', address: '192.0.2.10', port: 80 } as const

const large = {
  services: Array.from({ length: 2000 }, (_, i) => ({
    protocol: 'tcp' as const,
    address: `192.0.${i >> 8}.${i & 255}`,
    port: 80,
    scheduler: 'wrr',
    destinations: Array.from({ length: 5 }, (_, j) => ({
      address: `10.${j}.${i >> 8}.${i & 255}`,
      weight: 10,
      forwarding: 'masquerading' as const,
    })),
  })),
}

const withWeight = (weight: number): DesiredTable => ({
  services: large.services.map((service, i) =>
    i === 1234
      ? {
          ...service,
          destinations: service.destinations.map((server, j) => (j === 3 ? { ...server, weight } : server)),
        }
      : service,
  ),
})

/** strace takes the header of each message apart; the byte that follows it is generic netlink's command. */
const commandsIn = (trace: string): string[] => {
  const names = new Map(Object.entries(commands).map(([name, id]) => [id as number, name]))
  const messages = trace.matchAll(/nlmsg_type=[^{}]*nlmsg_pid=\d+\}, "((?:\\x[\da-f]{2})*)"/g)
  return [...messages].map(([, escaped]) => {
    const payload = Buffer.from(escaped!.replaceAll('\\x', ''), 'hex')
    // Which number the family has is asked of another family, by its name.
    return payload.includes('IPVS\0') ? 'family' : (names.get(payload[0]!) ?? 'unknown')
  })
}

/** Another process that plans and applies the table, and the commands that strace saw it send. */
const reapply = (netns: string, table: DesiredTable): { sent: Map<string, number>; printed: unknown } => {
  const [file, output] = ['/tmp/desired.json', '/tmp/trace']
  writeFileSync(file, JSON.stringify(table))
  const script = fileURLToPath(new URL('reapply.mjs', import.meta.url))
  const options = ['-f', '--seccomp-bpf', '-qq', '-xx', '-s', '70000', '-e', 'trace=sendmsg', '-o', output]
  const { stdout, stderr, status } = spawnSync(
    'strace',
    [...options, process.execPath, script, netns, file],
    {
      encoding: 'utf8',
    },
  )
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  const sent = new Map<string, number>()
  const { stdout: trace } = spawnSync('cat', [output], { encoding: 'utf8', maxBuffer: 1 << 28 })
  for (const name of commandsIn(trace)) sent.set(name, (sent.get(name) ?? 0) + 1)
  return { sent, printed: JSON.parse(stdout) }
}

test('from empty to 2,000 services of 5 servers; then no write; then one', {
  timeout: 240_000 * patience,
}, async () => {
  const netns = namespace()
  const ipvs = await open(netns.path)
  const start = performance.now()
  const first = await ipvs.plan(large)
  const planned = performance.now()
  expect(first.changes).toHaveLength(12_000)
  const filling = await writesOf(() => ipvs.apply(first))
  const filled = performance.now()
  expect(filling.result.complete).toBe(true)
  expect(filling.writes.filter((command) => command === 'newService')).toHaveLength(2000)
  expect(filling.writes.filter((command) => command === 'newDest')).toHaveLength(10_000)
  expect(filling.writes).toHaveLength(12_000)
  expect(netns.ipvsadm('-Sn').trim().split('\n')).toHaveLength(12_000)

  const before = performance.now()
  const again = await writesOf(async () => ipvs.apply(await ipvs.plan(large)))
  expect(again).toEqual({ result: { complete: true, outcomes: [] }, writes: [] })
  const table = await ipvs.snapshot()
  const read = performance.now()
  expect(planBetween(table, large).changes).toEqual([])
  const times = [planned - start, filled - planned, read - before, performance.now() - read]
  const [made, applied, repeated, compared] = times.map((time) => `${time.toFixed(0)} ms`)
  console.log(
    `12,000 changes: planned in ${made}, applied in ${applied}; ` +
      `again, and one snapshot more: ${repeated}; comparison alone: ${compared}`,
  )
  const { sent, printed } = reapply(netns.path, large)
  expect(printed).toEqual({ changes: 0, complete: true })
  expect([...sent.keys()].sort()).toEqual(['family', 'getDest', 'getService'])
  expect(sent.get('getDest')).toBeGreaterThanOrEqual(2000)

  const one = await ipvs.plan(withWeight(11))
  expect(formatPlan(one).split('\n')[0]).toBe('~ 10.3.4.210:80 of 192.0.4.210:80/tcp: weight 10 → 11')
  const write = await writesOf(() => ipvs.apply(one))
  expect(write.result).toMatchObject({ complete: true, outcomes: [{ status: 'done', written: true }] })
  expect(write.writes).toEqual(['setDest'])
  const last = reapply(netns.path, withWeight(12))
  expect(last.printed).toEqual({ changes: 1, complete: true })
  expect([...last.sent.keys()].sort()).toEqual(['family', 'getDest', 'getService', 'setDest'])
  expect(last.sent.get('setDest')).toBe(1)
})

test('the flag HASHED is no change, and what is not named is kept', async () => {
  const netns = namespace()
  const ipvs = await open(netns.path)
  netns.ipvsadm('-A', '-t', '192.0.2.10:80', '-s', 'sh', '-b', 'sh-port', '-p', '100', '-M', '255.255.255.0')
  netns.ipvsadm(
    '-a',
    '-t',
    '192.0.2.10:80',
    '-r',
    '10.0.0.1:80',
    '-i',
    '-w',
    '7',
    '-x',
    '90',
    '-y',
    '80',
    '--tun-type',
    'gue',
    '--tun-port',
    '6080',
  )
  const bare = { services: [{ ...web, destinations: [{ address: '10.0.0.1' }] }] }
  expect((await ipvs.plan(bare)).changes).toEqual([])
  const before = netns.ipvsadm('-Sn')
  const desired = {
    services: [{ ...web, scheduler: 'mh', destinations: [{ address: '10.0.0.1', weight: 9 }] }],
  }
  const { complete } = await ipvs.apply(await ipvs.plan(desired))
  expect(complete).toBe(true)
  expect(netns.ipvsadm('-Sn')).toBe(
    before.replace('-s sh', '-s mh').replace('sh-port', 'mh-port').replace('-w 7', '-w 9'),
  )
  expect(await ipvs.destinations.list(web)).toMatchObject([
    { upperThreshold: 90, lowerThreshold: 80, tunnel: { type: 'gue', port: 6080 } },
  ])
  // A status can be written again.
  expect((await ipvs.plan(await ipvs.snapshot(), { owns: () => true, prune: true })).changes).toEqual([])
})

test('a change that fails is reported beside those that went through; applying again converges', async () => {
  const netns = namespace()
  const ipvs = await open(netns.path)
  const other = { ...web, port: 81 }
  const third = { ...web, port: 82 }
  await ipvs.services.add({ ...web, scheduler: 'rr' })
  await ipvs.destinations.add(web, { address: '10.0.0.1' })
  const bad = { ...web, scheduler: 'nope', port: 83 }
  const made = await ipvs.plan(
    {
      services: [
        // 192.0.2.255 is no broadcast address until an interface says so.
        { ...web, destinations: [{ address: '192.0.2.255' }] },
        { ...other, destinations: [{ address: '10.0.0.9' }] },
        { ...bad, destinations: [{ address: '10.0.0.9' }] },
      ],
    },
    { force: true },
  )
  netns.exec('ip', 'link', 'add', 'eth9', 'type', 'dummy')
  netns.exec('ip', 'address', 'add', '192.0.2.1/24', 'brd', '+', 'dev', 'eth9')
  netns.exec('ip', 'link', 'set', 'eth9', 'up')
  const { complete, outcomes } = await ipvs.apply(made)
  expect(complete).toBe(false)
  const told = outcomes.map(({ status, change, ...rest }) => [
    change.kind,
    status,
    'error' in rest
      ? (rest.error as { reason?: string }).reason
      : 'reason' in rest
        ? rest.reason
        : rest.written,
  ])
  expect(told).toEqual([
    ['add-service', 'done', true],
    ['add-service', 'failed', 'no-such-scheduler'],
    ['add-destination', 'failed', 'invalid'],
    ['add-destination', 'done', true],
    ['add-destination', 'skipped', 'depends'],
    ['quiesce-destination', 'skipped', 'depends'],
    ['delete-destination', 'skipped', 'depends'],
  ])
  // The old server was left in its place.
  expect(await ipvs.destinations.list(web)).toMatchObject([{ address: '10.0.0.1', weight: 1 }])
  netns.exec('ip', 'link', 'delete', 'eth9')
  const repaired = { ...made, changes: made.changes.map(withScheduler) }
  const second = await writesOf(() => ipvs.apply(JSON.parse(JSON.stringify(repaired)) as Plan))
  expect(second.result.complete).toBe(true)
  expect(second.writes).toEqual(
    // The two that were made are tried again, and found to be there.
    ['newService', 'newService', 'newDest', 'newDest', 'newDest', 'setDest', 'delDest'],
  )
  expect(
    second.result.outcomes.filter(({ status, ...rest }) => 'written' in rest && !rest.written),
  ).toHaveLength(2)
  expect((await ipvs.snapshot()).services).toHaveLength(3)
  await expect(ipvs.services.get(third)).rejects.toMatchObject({ reason: 'no-such-service' })
})

const withScheduler = (change: PlannedChange): PlannedChange =>
  change.kind === 'add-service' && change.after.scheduler === 'nope'
    ? { ...change, after: { ...change.after, scheduler: 'rr' } }
    : change

test('a scheduler that this host does not have is named before anything is changed', async () => {
  const ipvs = await open()
  const desired = { services: [{ ...web }, { ...web, port: 81, scheduler: 'wrrr' }] }
  await expect(ipvs.plan(desired)).rejects.toThrow(
    'services[1].scheduler: this host has no module ip_vs_wrrr',
  )
  expect(await ipvs.services.list()).toEqual([])
})

test('what changed between plan and apply', async () => {
  const ipvs = await open()
  const owns = { owns: () => true, prune: true } as const
  const server = { address: '10.0.0.1', weight: 5 }
  await ipvs.apply(
    await ipvs.plan(
      {
        services: [
          { ...web, destinations: [server] },
          { ...web, port: 81 },
        ],
      },
      owns,
    ),
  )
  const desired = { services: [{ ...web, destinations: [{ ...server, weight: 6 }] }] }
  const made = await ipvs.plan(desired, owns)
  // An operator drains the server, and the service that is to be deleted gets one.
  await ipvs.destinations.edit(web, server, { weight: 0 })
  await ipvs.destinations.add({ ...web, port: 81 }, server)
  const { outcomes } = await ipvs.apply(made)
  expect(outcomes).toMatchObject([
    { status: 'skipped', reason: 'changed', explanation: 'weight is 0, the plan saw 5' },
    { status: 'skipped', reason: 'changed' },
  ])
  expect((await ipvs.snapshot()).services).toHaveLength(2)
  expect((await ipvs.apply(await ipvs.plan(desired, { ...owns, keepWeights: 'drained' }))).complete).toBe(
    true,
  )
  expect((await ipvs.snapshot()).services).toMatchObject([{ ...web, destinations: [{ weight: 0 }] }])
})

test('a server that was drained when the plan was made and serves again is not deleted', async () => {
  const netns = namespace()
  const ipvs = await open(netns.path)
  const [drained, other] = [{ address: '10.0.0.1', weight: 0 }, { address: '10.0.0.2' }]
  await ipvs.apply(
    await ipvs.plan({ services: [{ ...web, scheduler: 'rr', destinations: [drained, other] }] }),
  )
  const made = await ipvs.plan({ services: [{ ...web, destinations: [other] }] })
  netns.ipvsadm('-e', '-t', '192.0.2.10:80', '-r', '10.0.0.1:80', '-g', '-w', '10')
  expect(await ipvs.apply(made)).toMatchObject({
    complete: false,
    outcomes: [
      { status: 'skipped', reason: 'changed', explanation: 'weight is 10, the plan deletes it at 0' },
    ],
  })
  expect(netns.ipvsadm('-Sn')).toContain('-r 10.0.0.1:80 -g -w 10')
  // The next plan knows that it serves.
  const next = await ipvs.plan({ services: [{ ...web, destinations: [other] }] })
  expect(next.changes.map(({ kind }) => kind)).toEqual(['quiesce-destination', 'delete-destination'])
  expect((await ipvs.apply(next)).complete).toBe(true)
  expect(netns.ipvsadm('-Sn')).not.toContain('10.0.0.1')
})

test('two that apply the same plan at once: both complete, and nothing twice', async () => {
  const netns = namespace()
  const [one, two] = [await open(netns.path), await open(netns.path)]
  const desired = { services: large.services.slice(0, 200) }
  const made = await one.plan(desired)
  const results = await Promise.all([one.apply(made), two.apply(made)])
  expect(results.map(({ complete }) => complete)).toEqual([true, true])
  const written = results.flatMap(({ outcomes }) => outcomes).filter((o) => o.status === 'done' && o.written)
  expect(written).toHaveLength(1200)
  const back = await one.plan({ services: [] }, { owns: () => true, prune: true })
  expect(back.changes).toHaveLength(200)
  const gone = await Promise.all([one.apply(back), two.apply(back)])
  expect(gone.map(({ complete }) => complete)).toEqual([true, true])
  expect(openSync(netns.path).services.list()).toEqual([])
})

test('the functions take any director, and a signal that aborts leaves a result', async () => {
  const ipvs = await open()
  const controller = new AbortController()
  const made = await plan(ipvs, { services: large.services })
  const running = apply(ipvs, made, { signal: controller.signal })
  setTimeout(() => controller.abort(), 30)
  const { complete, outcomes } = await running
  expect(complete).toBe(false)
  expect(outcomes).toHaveLength(12_000)
  expect(new Set(outcomes.map((o) => (o.status === 'skipped' ? o.reason : o.status)))).toEqual(
    new Set(['done', 'aborted']),
  )
  const done = outcomes.filter(({ status }) => status === 'done').length
  const { services } = await ipvs.snapshot()
  expect(services.length + services.reduce((sum, { destinations }) => sum + destinations.length, 0)).toBe(
    done,
  )
})
