// Connections of /proc/net/ip_vs_conn: every kind of line, filters, broken files, and a million lines in little memory.
// SPDX-License-Identifier: MIT

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { connectionLine } from '../../lib/cli/connections.ts'
import { processIo } from '../../lib/cli/io.ts'
import { main } from '../../lib/cli/run.ts'
import { type Connection, type ConnectionsOptions, connections } from '../../lib/index.ts'
import { numeric } from '../../lib/text/format.ts'

const folder = mkdtempSync(join(tmpdir(), 'ipvs-connections-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const heading = 'Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n'
const syncHeading = 'Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Origin Expires\n'

let files = 0
const written = (text: string): string => {
  const file = join(folder, `${++files}`)
  writeFileSync(file, text)
  return file
}

const all = async (options: ConnectionsOptions): Promise<Connection[]> => {
  const found: Connection[] = []
  for await (const connection of connections(options)) found.push(connection)
  return found
}

/** The connections of these lines. */
const read = (lines: readonly string[], options: ConnectionsOptions = {}): Promise<Connection[]> =>
  all({ file: written(heading + lines.map((line) => `${line}\n`).join('')), ...options })

const six = (last: string): string => `2001:0db8:0000:0000:0000:0000:0000:${last}`
const tcp = 'TCP C6336407 D431 C000020A 0050 0A000002 1F90 ESTABLISHED     893'
const udp = 'UDP C6336408 D431 C000020A 0035 0A000003 0035 UDP             299'
const tcp6 = `TCP ${six('0001')} D431 ${six('0002')} 01BB ${six('0003')} 01BB TIME_WAIT       119`
const template = 'TCP C6336400 0000 C000020A 0050 0A000002 1F90 NONE            359'
const mark = 'IP  C6336407 0000 00000007 0000 0A000002 0000 ASSURED           4'
const mark6 = `IP  ${six('0001')} 0000 8000:0007:0000:0000:0000:0000:0000:0000 0000 ${six('0003')} 0000 NONE              4`
const sip = 'UDP C6336407 0000 C000020A 13C4 0A000002 13C4 NONE             60 sip a b@host'
const tunnelled = `TCP ${six('0001')} D431 ${six('0002')} 01BB 0A000002 01BB SYN_RECV         59`
const foreign = 'IP_47 C6336407 0000 C000020A 0000 0A000002 0000 ERR!              5'
const lines = [tcp, udp, tcp6, template, mark, mark6, sip, tunnelled, foreign]

test('each kind of line', async () => {
  expect(await read(lines)).toEqual([
    {
      protocol: 'tcp',
      family: 'ipv4',
      client: { address: '198.51.100.7', port: 54321 },
      virtual: { address: '192.0.2.10', port: 80 },
      destination: { address: '10.0.0.2', port: 8080 },
      state: 'ESTABLISHED',
      expires: 893,
      template: false,
    },
    expect.objectContaining({ protocol: 'udp', state: 'UDP', template: false, expires: 299 }),
    {
      protocol: 'tcp',
      family: 'ipv6',
      client: { address: '2001:db8::1', port: 54321 },
      virtual: { address: '2001:db8::2', port: 443 },
      destination: { address: '2001:db8::3', port: 443 },
      state: 'TIME_WAIT',
      expires: 119,
      template: false,
    },
    expect.objectContaining({ client: { address: '198.51.100.0', port: 0 }, state: 'NONE', template: true }),
    expect.objectContaining({ protocol: 'ip', fwmark: 7, family: 'ipv4', template: true, state: 'ASSURED' }),
    expect.objectContaining({ protocol: 'ip', fwmark: 0x8000_0007, family: 'ipv6', template: true }),
    expect.objectContaining({ protocol: 'udp', template: true, engine: 'sip', engineData: 'a b@host' }),
    expect.objectContaining({ family: 'ipv6', destination: { address: '10.0.0.2', port: 443 } }),
    expect.objectContaining({ protocol: 'protocol-47', state: 'ERR!', template: false }),
  ])
  expect(await read([])).toEqual([])
})

test('the origin, from the other file', async () => {
  const line = (origin: string) =>
    `TCP C6336407 D431 C000020A 0050 0A000002 1F90 ESTABLISHED ${origin}     893\n`
  const file = written(syncHeading + line('LOCAL ') + line('SYNC  '))
  const found = await all({ file, origin: true })
  expect(found.map(({ origin, expires }) => [origin, expires])).toEqual([
    ['local', 893],
    ['synchronised', 893],
  ])
  await expect(all({ file })).rejects.toThrow(/line 1 is not of the kernel's format/)
})

test.each<[string, ConnectionsOptions, string[]]>([
  ['service', { service: { protocol: 'tcp', address: '192.0.2.10', port: 80 } }, [tcp, template]],
  [
    'service of IPv6',
    { service: { protocol: 'tcp', address: '2001:DB8:0::2', port: 443 } },
    [tcp6, tunnelled],
  ],
  ['port 0', { service: { protocol: 'udp', address: '192.0.2.10', port: 0 } }, [udp, sip]],
  ['mark', { service: { fwmark: 7 } }, [mark]],
  ['mark of IPv6', { service: { fwmark: 0x8000_0007, family: 'ipv6' } }, [mark6]],
  ['server', { destination: { address: '10.0.0.2' } }, [tcp, template, mark, sip, tunnelled, foreign]],
  ['server and port', { destination: { address: '10.0.0.2', port: 8080 } }, [tcp, template]],
  ['client', { client: '198.51.100.8' }, [udp]],
  ['protocol', { protocol: 'udp' }, [udp, sip]],
  ['protocol without a name', { protocol: 'protocol-47' }, [foreign]],
  ['states', { state: ['TIME_WAIT', 'SYN_RECV'] }, [tcp6, tunnelled]],
  ['templates', { template: true }, [template, mark, mark6, sip]],
  ['no templates', { template: false }, [tcp, udp, tcp6, tunnelled, foreign]],
  ['several', { protocol: 'tcp', template: false, state: 'ESTABLISHED' }, [tcp]],
  ['nothing', { client: '192.0.2.99' }, []],
])('filter: %s', async (_, options, wanted) => {
  expect(await read(lines, options)).toEqual(await read(wanted))
})

test.each([
  [{ service: { protocol: 'tcp', address: 'x', port: 80 } }, /address: not an IPv4 or IPv6 address/],
  [{ destination: { address: '10.0.0.256' } }, /^options\.destination\.address: not an IPv4/],
  [{ destination: { address: '10.0.0.1', port: 65536 } }, /^options\.destination\.port: expected an integer/],
  [{ client: 7 }, /^options\.client: expected an IP address in text/],
  [{ protocol: 'tpc' }, /^options\.protocol: expected ip, tcp, udp/],
  [{ state: [''] }, /^options\.state: expected 1\.\.20 bytes/],
  [{ template: 1 }, /^options\.template: expected true or false/],
  [{ sate: 'UDP' }, /unknown field 'sate'; did you mean state\?/],
  [{ file: 'x', netns: 'y' }, /^options\.file: a file is read as it is/],
])('refused at once: %o', (options, text) => {
  expect(() => connections(options as ConnectionsOptions)).toThrow(text)
})

test.each([
  ['', /line 1/],
  ['TCP\n', /line 1/],
  [`${heading}${tcp}\n${tcp.slice(0, 40)}\n`, /line 3 is not of the kernel's format: 'TCP C6336407 D431/],
  [`${heading}${tcp}\n${tcp.replace('893', 'x')}\n`, /line 3/],
  [`${heading}${tcp}\n${tcp.replace('C000020A', 'C000')}\n`, /line 3/],
  [`${heading}${tcp}\n${tcp}`, /line 3/],
  [heading + '-'.repeat(70_000), /line 2/],
])('a file of another format: %#', async (text, message) => {
  await expect(all({ file: written(text) })).rejects.toThrow(message)
})

test('no file', async () => {
  await expect(all({ file: join(folder, 'none') })).rejects.toMatchObject({
    reason: 'system',
    code: 'ENOENT',
  })
})

test('the file is closed when nobody wants more, and after a failure; a signal ends it', async () => {
  const file = written(heading + `${tcp}\n`.repeat(10_000))
  const isOpen = () =>
    readdirSync('/proc/self/fd').some((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`) === file
      } catch {
        return false
      }
    })
  for await (const _ of connections({ file })) {
    expect(isOpen()).toBe(true)
    break
  }
  expect(isOpen()).toBe(false)
  const controller = new AbortController()
  const counting = async (): Promise<void> => {
    for await (const _ of connections({ file, signal: controller.signal }))
      controller.abort(new Error('enough'))
  }
  await expect(counting()).rejects.toThrow('enough')
  expect(isOpen()).toBe(false)
})

test('a million lines: each as it should be, in less than 110 MiB', () => {
  const script = fileURLToPath(new URL('million.mjs', import.meta.url))
  const seen = JSON.parse(execFileSync(process.execPath, [script], { encoding: 'utf8' }))
  console.log('a million connections:', seen)
  expect(seen).toMatchObject({ lines: 1_000_000, wrong: 0, few: 5000 })
  // Node.js itself has 50 to 60.
  expect(seen.rss).toBeLessThan(110)
})

test('lines of ipvs -Lcn', async () => {
  const [one] = await read([tcp])
  expect(connectionLine(one!, numeric, 'engine')).toBe(
    'TCP 14:53  ESTABLISHED 198.51.100.7:54321 192.0.2.10:80      10.0.0.2:8080',
  )
  const [call] = await read([sip])
  expect(connectionLine(call!, numeric, 'engine')).toBe(
    'UDP 01:00  NONE        198.51.100.7:0     192.0.2.10:5060    10.0.0.2:5060    sip                a b@host',
  )
  const [wide] = await read([tcp6])
  expect(connectionLine(wide!, numeric, 'destination')).toBe(
    'TCP 01:59  TIME_WAIT   [2001:db8::1]:54321 [2001:db8::2]:443  [2001:db8::3]:443',
  )
  const [other] = await read([foreign])
  expect(connectionLine(other!, numeric, 'engine')).toMatch(/^IP_47 00:05 /)
})

test.each([
  [['--state', 'ESTABLISHD'], "unknown state 'ESTABLISHD'; did you mean ESTABLISHED?"],
  [['--templates', '--no-templates'], 'exclude each other'],
  [['--protocol', 'tpc'], '--protocol: expected ip, tcp'],
  [['--client', 'nobody'], '--client: not an IPv4 or IPv6 address'],
  [['-r', '10.0.0.1:x'], 'expected a port'],
  [['-t', '192.0.2.10:80', 'more'], "unexpected word 'more'"],
])('ipvs connections %o is refused', async (args, message) => {
  let err = ''
  const take = (text: string): void => {
    err += text
  }
  expect(await main(['connections', ...args], { ...processIo(), err: take })).toBe(2)
  expect(err).toContain(message)
})
