// The command line against ipvsadm: the same effect, text and status, but for differences that are named.
// SPDX-License-Identifier: MIT

import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { save } from '../../lib/index.ts'
import { type Case, type Difference, listings, type Scenario, scenarios } from './cli-cases.ts'
import { ipvs, ipvsadm, type TableText, tableOf } from './cli-run.ts'
import { type Namespace, namespace, open } from './namespace.ts'

const named = ({ argv, input }: Case): string =>
  `${argv.join(' ')}${input === undefined ? '' : ` < ${JSON.stringify(input)}`}`

/** Two namespaces, and the text of each table as `ipvs save` has it: all that there is, in one order. */
interface Pair {
  readonly ours: Namespace
  readonly theirs: Namespace
  readonly read: () => Promise<readonly string[]>
}

const pair = async (): Promise<Pair> => {
  const [ours, theirs] = [namespace(), namespace()]
  const clients = [await open(ours.path), await open(theirs.path)]
  return { ours, theirs, read: () => Promise.all(clients.map((client) => save(client))) }
}

/** What ipvsadm and the kernel's own text say of both tables; lines that only one has are those of `differs`. */
const compareTables = ({ ours, theirs }: Pair, name: string, differs?: Difference): void => {
  const [mine, yours] = [tableOf(ours), tableOf(theirs)]
  // In no order: the kernel's own depends on the namespace.
  const only = (a: TableText, b: TableText) => a.rules.filter((line) => !b.rules.includes(line)).sort()
  expect(only(mine, yours), name).toEqual([...(differs?.ours ?? [])].sort())
  expect(only(yours, mine), name).toEqual([...(differs?.theirs ?? [])].sort())
  if (differs === undefined) expect(mine, name).toEqual(yours)
}

const compare = async (both: Pair, one: Case): Promise<void> => {
  const { ours, theirs } = both
  const [got, wanted] = [await ipvs(ours, one.argv, one.input), ipvsadm(theirs, one.argv, one.input)]
  const { differs } = one
  expect(got.status, `${named(one)}: ${got.err}${wanted.err}`).toBe(differs?.status ?? wanted.status)
  if (differs?.out !== 'any') expect(got.out, named(one)).toBe(differs?.out ?? wanted.out)
  // Both say something when they fail, and nothing else but then.
  if (got.status === 0 && differs === undefined) expect(got.err, named(one)).toBe('')
  if (got.status !== 0) expect(got.err, named(one)).toMatch(/^ipvs: \S.{8,}\n/)
  const [mine, yours] = await both.read()
  if (differs?.saved !== undefined) expect(mine, named(one)).toContain(differs.saved)
  if (differs === undefined) expect(mine, named(one)).toBe(yours)
  else compareTables(both, named(one), differs)
}

const begin = (netns: Namespace, lines: readonly string[]): void => {
  expect(ipvsadm(netns, ['-C']).status).toBe(0)
  expect(ipvsadm(netns, ['-R'], lines.map((line) => `${line}\n`).join(''))).toMatchObject({
    status: 0,
    err: '',
  })
}

const run = async ({ before, cases }: Scenario): Promise<void> => {
  const both = await pair()
  const restart = () => {
    for (const netns of [both.ours, both.theirs]) begin(netns, before)
  }
  if (before.length > 0) restart()
  for (const [i, one] of cases.entries()) {
    await compare(both, one)
    // Our own reader has compared them; now and then so does who knows nothing of it, which takes processes.
    if (one.differs === undefined && (i % 10 === 9 || i === cases.length - 1)) compareTables(both, named(one))
    // What differs has been seen; both go on from the same table.
    const { differs, input } = one
    if (differs !== undefined && (differs.ours ?? differs.theirs ?? input) !== undefined) restart()
  }
}

for (const scenario of scenarios) test(scenario.name, () => run(scenario), 300_000)

test('listings of one table', async () => {
  const netns = namespace()
  for (const address of ['192.0.2.1', '192.0.2.3'])
    netns.exec('ip', 'address', 'add', `${address}/32`, 'dev', 'lo')
  begin(netns, [
    '-A -t 192.0.2.1:80 -s wrr',
    '-a -t 192.0.2.1:80 -r 10.0.0.1 -m -w 100000 -x 100 -y 50',
    '-a -t 192.0.2.1:80 -r 10.0.0.2:8080 -m -w 2',
    '-a -t 192.0.2.1:80 -r 10.0.0.3 -i --tun-type gue --tun-port 6080 --tun-remcsum',
    '-a -t 192.0.2.1:80 -r 10.0.0.4 -i --tun-type gre --tun-csum',
    '-a -t 192.0.2.1:80 -r 10.0.0.5 -i',
    '-a -t 192.0.2.1:80 -r [2001:db8:1111:2222:3333:4444:5555:6666]:80 -i',
    '-A -t 10.0.0.200:443 -s sh -b sh-port,sh-fallback -p 77 -M 255.255.0.0',
    '-A -t 172.16.0.1:443 -s rr -b flag-2',
    '-A -u 192.0.2.3:53 -p 60 -o --pe sip',
    '-a -u 192.0.2.3:53 -r 127.0.0.1 -m',
    '-A -u 192.0.2.3:54 -p 60',
    '-a -u 192.0.2.3:54 -r 127.0.0.1 -m',
    '-A -u 127.0.0.1:53',
    '-a -u 127.0.0.1:53 -r 127.0.0.2 -g',
    '-A --sctp-service 192.0.2.3:9 -s rr',
    '-A -f 7 -s mh -b mh-port',
    '-A -f 7 -6 -p 5 -M 60',
    '-a -f 7 -6 -r 2001:db8::7 -m -x 3 -y 1',
    '-A -t [2001:db8::1]:80 -s nq',
    '-A -t [2001:db8:1111:2222:3333:4444:5555:6666]:40000 -p 5',
  ])
  // Connections, templates of persistence, and counters above 0.
  netns.exec('bash', '-c', 'for i in 1 2 3; do echo x > /dev/udp/192.0.2.3/54; done')
  expect(netns.read('/proc/net/ip_vs_conn').split('\n').length).toBeGreaterThan(4)
  for (const argv of listings) {
    const isRate = argv.includes('--rate')
    // ipvsadm -S leaves thresholds out, and so loses them: ours does not.
    const isSave = argv[0]?.startsWith('-S') || argv[0] === '--save'
    const still = (text: string): string =>
      isSave
        ? text.replace(/ -[xy] \d+/g, '')
        : isRate
          ? text.replace(/\d+/g, '0')
          : text.replace(/ \d\d:\d\d /g, ' time ')
    const wanted = ipvsadm(netns, argv)
    const got = await ipvs(netns, argv)
    expect(still(got.out), argv.join(' ')).toBe(still(wanted.out))
    if (isSave) expect(got.out).toContain(' -w 100000 -x 100 -y 50\n')
    expect({ status: got.status, err: got.err }, argv.join(' ')).toEqual({ status: wanted.status, err: '' })
  }
})

/** Connections, as `ipvsadm -Ln --stats --exact` counts them, by service and real server. */
const counted = (netns: Namespace): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...ipvsadm(netns, ['-Ln', '--stats', '--exact']).out.matchAll(/(\d\S+:\d+) +(\d+ +\d+ .*)$/gm)].map(
      ([, name, numbers]) => [name, numbers!.trim().split(/ +/).join(' ')],
    ),
  )

test('-Z sets counters to zero: of one service, then of all', async () => {
  const netns = namespace()
  netns.exec('ip', 'address', 'add', '192.0.2.3/32', 'dev', 'lo')
  begin(netns, [
    ...['-A -u 192.0.2.3:54 -s rr', '-a -u 192.0.2.3:54 -r 127.0.0.1:154 -m'],
    ...['-A -u 192.0.2.3:55 -s rr', '-a -u 192.0.2.3:55 -r 127.0.0.1:155 -m'],
  ])
  netns.exec(
    'bash',
    '-c',
    'for i in 1 2 3; do echo x > /dev/udp/192.0.2.3/54; echo x > /dev/udp/192.0.2.3/55; done',
  )
  const zero = '0 0 0 0 0'
  let before = counted(netns)
  expect(Object.keys(before)).toHaveLength(4)
  // The kernel adds its counters up every two seconds.
  for (let i = 0; i < 100 && Object.values(before).some((numbers) => !numbers.startsWith('3 ')); i++) {
    await setTimeout(100)
    before = counted(netns)
  }
  for (const [name, numbers] of Object.entries(before)) expect(numbers, name).toMatch(/^3 3 /) // ICMP of closed ports may count as going out
  expect(await ipvs(netns, ['-Z', '-u', '192.0.2.3:54'])).toEqual({ status: 0, out: '', err: '' })
  expect(counted(netns)).toEqual({ ...before, '192.0.2.3:54': zero, '127.0.0.1:154': zero })
  expect(await ipvs(netns, ['-Z'])).toEqual({ status: 0, out: '', err: '' })
  expect(Object.values(counted(netns))).toEqual([zero, zero, zero, zero])
})

test('without permission both end with 2, whatever is asked for', () => {
  const netns = namespace()
  const bin = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
  const nobody = 'setpriv --reuid=65534 --regid=65534 --clear-groups'
  for (const argv of ['-Ln', '-A -t 192.0.2.1:80', '-Z', '-Sn', '-C', '-L --timeout', '-R']) {
    const status = (command: string) =>
      netns.exec('sh', '-c', `echo '-A -t 192.0.2.1:80' | ${nobody} ${command} ${argv} 2>&1; echo $?`)
    expect(status('/sbin/ipvsadm'), argv).toMatch(/\n2\n$/)
    expect(status(`${process.execPath} ${bin}`), argv).toMatch(/^ipvs: .*CAP_NET_ADMIN.* \(EPERM\)\n2\n$/)
  }
  expect(ipvsadm(netns, ['-Sn']).out).toBe('')
})

test('there are enough of them', () => {
  const count = scenarios.reduce((sum, { cases }) => sum + cases.length, listings.length)
  expect(count).toBeGreaterThan(80)
})
