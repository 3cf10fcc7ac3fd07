// `ipvs top` on a pseudo-terminal, with real connections: what it shows, keys, and the terminal that it gives back.
// SPDX-License-Identifier: MIT

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { Ipvs } from '../../lib/index.ts'
import { ipvs } from './cli-run.ts'
import { addresses, flow } from './flows.ts'
import { type Namespace, namespace, open } from './namespace.ts'
import { patience } from './slowness.ts'
import { Terminal } from './terminal.ts'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const vip = '192.0.2.10'
const servers = ['10.0.0.1', '10.0.0.2', '10.0.0.3'] as const
const web = { protocol: 'tcp', address: vip, port: 80 } as const
const dns = { protocol: 'udp', address: vip, port: 53 } as const

/** Two services; the third server of the first one drains. */
const director = async (): Promise<{ readonly netns: Namespace; readonly client: Ipvs }> => {
  const netns = namespace()
  addresses(netns, [vip, ...servers])
  const client = await open(netns.path)
  await Promise.all([
    ...[web, dns].map((service) => client.services.add({ ...service, scheduler: 'wrr' })),
    ...[web, dns].flatMap((service) =>
      servers.map((address, i) =>
        client.destinations.add(service, {
          address,
          port: service === web ? 8080 : 53,
          forwarding: 'masquerading',
          weight: 3 - i,
        }),
      ),
    ),
  ])
  await flow(
    netns,
    servers.flatMap((address) => [['tcp', address, 8080] as const, ['udp', address, 53] as const]),
    [
      { protocol: 'tcp', to: [vip, 80], count: 12 },
      { protocol: 'udp', to: [vip, 53], count: 20, each: 0.5 },
    ],
  )
  await client.destinations.edit(web, { address: servers[2], port: 8080 }, { weight: 0 })
  return { netns, client }
}

interface Run {
  readonly rows?: number
  readonly columns?: number
  readonly node?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
}

const top = (netns: Namespace, { rows = 20, columns = 100, node = [], env = {} }: Run = {}): Terminal =>
  new Terminal(netns, rows, columns, [process.execPath, ...node, main, 'top', '--interval', '1'], env)

/** The words of /proc/PID/stat behind the name of the program: its state first. */
const statOf = (pid: string): readonly string[] =>
  readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')

/** The newest: what started it has the same words in its command line. */
const pidOfTop = (): string => execFileSync('pgrep', ['-nf', `${main} top`], { encoding: 'utf8' }).trim()

/** Counters that stand still tell nothing for three seconds. */
const hasRates = (lines: readonly string[]): boolean =>
  lines.length > 3 && lines.every((line) => !line.includes(' - '))

const names = (lines: readonly string[]): readonly string[] =>
  lines
    .slice(2, -1)
    .map((line) => line.trim().split(' ')[0]!)
    .filter((word) => word !== '')

const inOrder = ['\x1b[?1049h', '\x1b[?25l', '\x1b[?25h', '\x1b[?1049l'] as const

/** Nothing is left of it: the alternate screen, the hidden cursor, raw keys. */
const expectRestored = async (terminal: Terminal, status: number): Promise<void> => {
  expect(await terminal.end()).toEqual({ status, restored: true })
  const places = inOrder.map((sequence) => terminal.text.lastIndexOf(sequence))
  expect(places.every((place) => place >= 0)).toBe(true)
  expect([...places].sort((a, b) => a - b)).toEqual(places)
}

test('connections, rates, bars and the drain; keys sort, filter, hide and scroll; q gives the terminal back', async () => {
  const { netns } = await director()
  const terminal = top(netns)
  const lines = await terminal.until(hasRates)
  expect(lines).toHaveLength(20)
  expect(lines[0]).toMatch(/^ipvs top .* 2 services, 6 real servers, 1 draining, 12 active connections$/)
  expect(names(lines)).toEqual([
    `${vip}:80/tcp`,
    ...servers.map((address) => `${address}:8080`),
    `${vip}:53/udp`,
    ...servers.map((address) => `${address}:53`),
  ])
  expect(lines[2]).toMatch(/80\/tcp +wrr +12 +0 +0\.0 .* █+$/)
  expect(lines[3]).toMatch(/10\.0\.0\.1:8080 +masq +3 +6 +0 .* █+$/)
  expect(lines[5]).toMatch(/10\.0\.0\.3:8080 +masq +draining +2 +0 /)
  // Of 20 clients twice a second: in bursts, so that one reading may have seen one more, and another one less.
  const packets = (now: readonly string[]): number =>
    Number(/wrr +0 +20 +\S+ +\S+ +\S+ +(\S+)/.exec(now[6]!)?.[1])
  await terminal.until((now) => packets(now) > 30 && packets(now) < 50)

  terminal.keys('s')
  await terminal.until((now) => now.at(-1)!.includes('sort: inactive') && names(now)[0] === `${vip}:53/udp`)
  terminal.keys('d')
  await terminal.until((now) => names(now).length === 2)
  terminal.keys('d/drain')
  await terminal.until((now) => now.at(-1)!.startsWith('filter: drain_'))
  terminal.keys('ing\r')
  const drains = await terminal.until((now) => names(now).length === 2)
  expect(names(drains)).toEqual([`${vip}:80/tcp`, '10.0.0.3:8080'])
  terminal.keys('\x1b')
  await terminal.until((now) => names(now).length === 8)
  terminal.keys('\x1a')
  while (!terminal.text.endsWith('\x1b[?1049l') || statOf(pidOfTop())[0] !== 'T') await sleep(50)
  terminal.signal('SIGCONT')
  await terminal.until((now) => names(now).length === 8)
  terminal.resize(6, 60)
  const small = await terminal.until((now) => now.length === 6)
  expect(small.filter((line) => line.length > 60)).toEqual([])
  terminal.keys('\x1b[B')
  await terminal.until((now) => names(now)[0] === '10.0.0.1:53')
  terminal.keys('q')
  await expectRestored(terminal, 0)

  // Where the output is no terminal.
  const plain = await ipvs(netns, ['top', '--once', '--sort', 'name', '--filter', ':80/'])
  expect(plain.status).toBe(0)
  expect(plain.out).not.toContain('\x1b')
  expect(plain.out.split('\n')[2]).toMatch(/^192\.0\.2\.10:80\/tcp +wrr +12 +0 +\d/)
  const json = await ipvs(netns, ['top', '--once', '--json'])
  const { services } = JSON.parse(json.out)
  const [first, second] = services // the real servers in the kernel's order
  first.destinations.sort((a: { weight: number }, b: { weight: number }) => b.weight - a.weight)
  expect(first).toMatchObject({
    port: 80,
    destinations: [{ weight: 3, activeConns: 6 }, { weight: 2 }, { weight: 0, activeConns: 2 }],
  })
  expect(second).toMatchObject({ port: 53, rates: { cps: expect.any(Number) } })
  expect((await ipvs(netns, ['top', '--sort', 'bites'])).err).toContain('did you mean bytes?')
})

test('Ctrl-C, SIGTERM and an error of the kernel give the terminal back, too', async () => {
  const netns = namespace()
  // Whoever is no longer root is refused by the kernel, at the next reading.
  const loses = `data:text/javascript,process.once('SIGUSR2', () => process.seteuid(65534))`
  const [keyed, killed, refused] = [
    top(netns),
    top(netns, { env: { NO_COLOR: '1' } }),
    top(netns, { node: [`--import=${loses}`] }),
  ]
  await Promise.all([keyed, killed, refused].map((one) => one.until((now) => now.length === 20)))
  keyed.keys('\x03')
  killed.signal('SIGTERM')
  refused.signal('SIGUSR2')
  await Promise.all([expectRestored(keyed, 0), expectRestored(killed, 0), expectRestored(refused, 1)])
  const last = refused.text.slice(refused.text.lastIndexOf('\x1b[?1049l'))
  expect(last).toMatch(/ipvs: getService: needs CAP_NET_ADMIN/)
  expect(keyed.text).toContain('\x1b[7m')
  expect(killed.text).not.toContain('\x1b[7m')
})

test('2,000 services with 5 real servers each', {
  timeout: 120_000 * patience,
}, async () => {
  const netns = namespace()
  const client = await open(netns.path)
  const all = Array.from(
    { length: 2000 },
    (_, i) => ({ protocol: 'tcp', address: vip, port: 1000 + i }) as const,
  )
  await Promise.all([
    ...all.map((service) => client.services.add(service)),
    ...all.flatMap((service) =>
      [1, 2, 3, 4, 5].map((i) =>
        client.destinations.add(service, { address: `10.0.0.${i}`, port: 80, forwarding: 'masquerading' }),
      ),
    ),
  ])
  const terminal = new Terminal(netns, 40, 120, [process.execPath, main, 'top'], {})
  await terminal.until((lines) => lines[0]?.includes('2000 services, 10000 real servers') === true)
  const pid = pidOfTop()
  const ticks = (): number => Number(statOf(pid)[11]) + Number(statOf(pid)[12])
  /** Until it has read so many times more. */
  const readings = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const [title] = terminal.lines
      await terminal.until((lines) => lines[0] !== title)
    }
  }
  await readings(2) // By then most is compiled.
  const [start, before] = [performance.now(), ticks()]
  await readings(2)
  const seconds = (performance.now() - start) / 1000
  const share = (ticks() - before) / 100 / seconds
  console.log(
    `ipvs top, 2,000 services with 5 real servers each: ${(100 * share).toFixed(1)} % of a processor, ` +
      `a reading every ${(seconds / 2).toFixed(1)} s`,
  )
  terminal.keys('q')
  await expectRestored(terminal, 0)
  expect(share).toBeGreaterThan(0)
  expect(share).toBeLessThan(0.1)
})
