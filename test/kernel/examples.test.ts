// The programs of examples/ do what their first lines say: in processes of their own, with traffic where it matters.
// SPDX-License-Identifier: MIT

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { balancer, network, servers, web } from './balancer.ts'
import { example, Process, Requests, soon } from './examples-run.ts'
import { namespace, open } from './namespace.ts'
import { patience } from './slowness.ts'

const [one, two] = servers
const limit = { timeout: 90_000 * patience }
const url = `http://${web.address}/`
const folder = (): string => mkdtempSync(join(tmpdir(), 'examples-'))

test(
  'reconcile-file: the table follows the file, however it is written, and outlives the process',
  limit,
  async () => {
    const netns = namespace()
    const file = join(folder(), 'table.json')
    const write = (weights: Readonly<Record<string, number>>, path = file): void => {
      const destinations = Object.entries(weights).map(([address, weight]) => ({
        address,
        forwarding: 'masquerading',
        weight,
      }))
      writeFileSync(path, JSON.stringify({ services: [{ ...web, scheduler: 'wrr', destinations }] }))
    }
    const rules = (): string[] => netns.ipvsadm('-Sn').trim().split('\n').sort()
    const server = (address: string, weight: number) => `-a -t 192.0.2.10:80 -r ${address}:80 -m -w ${weight}`
    const service = '-A -t 192.0.2.10:80 -s wrr'
    const becomes = (...expected: readonly string[]) => expect.poll(rules, soon).toEqual(expected)

    netns.ipvsadm('-A', '-t', '192.0.2.99:80') // Not in the file.
    write({ [one]: 5 })
    const running = new Process(netns, example('reconcile-file.mjs'), file)
    await becomes(service, server(one, 5))
    write({ [one]: 5, [two]: 7 })
    await becomes(service, server(one, 5), server(two, 7))

    writeFileSync(file, '{ "services": [')
    await running.printed(/table\.json: .*JSON/)
    expect(rules()).toEqual([service, server(one, 5), server(two, 7)])
    netns.ipvsadm('-e', '-t', '192.0.2.10:80', '-r', `${one}:80`, '-m', '-w', '0') // A drain that lasts …
    const edited = `${file}.new`
    write({ [one]: 5, [two]: 9 }, edited)
    renameSync(edited, file)
    await becomes(service, server(one, 0), server(two, 9)) // … for the other server was set meanwhile.

    running.kill('SIGTERM')
    expect(await running.ended).toEqual([0, null])
    expect(rules()).toEqual([service, server(one, 0), server(two, 9)])
  },
)

test('deploy: every server is replaced under load, and not one request fails', limit, async () => {
  const { front, director, back } = network()
  const ipvs = await open(director.path)
  const [state, port] = [folder(), 8080]
  // Ends the server that was there, and starts another.
  const http = fileURLToPath(new URL('http.mjs', import.meta.url))
  const start = `ip netns exec ${back.name} ${process.execPath} ${http} serve $SERVER $SERVER_PORT`
  const script = join(state, 'replace')
  writeFileSync(
    script,
    `[ ! -f ${state}/$SERVER ] || kill $(cat ${state}/$SERVER)
${start} "$SERVER $1" < /dev/null > /dev/null 2>&1 &
echo $! > ${state}/$SERVER
`,
  )
  onTestFinished(() => {
    for (const pid of execFileSync('ip', ['netns', 'pids', back.name], { encoding: 'utf8' }).match(/\d+/g) ??
      [])
      process.kill(Number(pid), 'SIGKILL')
  })
  const replace = (address: string, version: string) =>
    execFileSync('sh', [script, version], {
      env: { ...process.env, SERVER: address, SERVER_PORT: `${port}` },
    })
  const weights = { [one]: 5, [two]: 7 }
  await ipvs.services.add({ ...web, scheduler: 'wrr' })
  for (const [address, weight] of Object.entries(weights)) {
    replace(address, 'old')
    await ipvs.destinations.add(web, { address, port, forwarding: 'masquerading', weight })
  }
  const requests = new Requests(front, 'ask', url)
  const answering = async () => Object.keys((await requests.seen()).answers).sort()
  await expect.poll(answering, soon).toEqual([`${one} old`, `${two} old`])
  const deploy = (command: string) =>
    new Process(director, example('deploy.mjs'), web.address, `${web.port}`, command)
  const table = async () =>
    Object.fromEntries((await ipvs.destinations.list(web)).map(({ address, weight }) => [address, weight]))
  await requests.seen()

  const deployment = deploy(`sh ${script} new`)
  expect(await deployment.ended).toEqual([0, null])
  expect(deployment.output).toMatch(
    /10\.0\.0\.1: drained, 0 connections left\n10\.0\.0\.1: serves with weight 5/,
  )
  const during = await requests.seen()
  expect(during.failures).toEqual([])
  const total = Object.values(during.answers).reduce((sum, count) => sum + count, 0)
  expect(total).toBeGreaterThan(30)
  console.log(`deploy: ${total} requests while both servers were replaced, 0 failed`)
  await expect.poll(answering, soon).toEqual([`${one} new`, `${two} new`])
  expect(await table()).toEqual(weights)

  // A command that fails ends it at the first server. The next run leaves that alone, and the other, which is the last.
  const failing = deploy('exit 3')
  expect(await failing.ended).toEqual([1, null])
  const failed = /^(10.*): the command failed: status 3\nWhen .*: ipvs undrain .* -r \1:8080 -w (\d)$/m
  const [, address, weight] = failed.exec(failing.output)!
  expect(await table()).toEqual({ ...weights, [address!]: 0 })
  expect(Number(weight)).toBe(weights[address as keyof typeof weights])
  const next = deploy('true')
  expect(await next.ended).toEqual([1, null])
  const other = address === one ? two : one
  expect(next.output).toContain(`${address}: left alone, its weight is 0`)
  expect(next.output).toContain(`${other}: no other server serves`)
  expect(await table()).toEqual({ ...weights, [address!]: 0 })
  expect((await requests.seen()).failures).toEqual([])

  // The same without a drain is seen.
  process.kill(Number(readFileSync(join(state, other), 'utf8')))
  await expect.poll(async () => (await requests.seen()).failures, soon).toContain('ECONNREFUSED')
})

test(
  'ingress: attaches itself, ends only when its requests have, and takes a place back after a crash',
  limit,
  async () => {
    const { front, director, back } = network()
    const ipvs = await open(director.path)
    const table = async () =>
      (await ipvs.destinations.list(web)).map(({ address, weight }) => `${address} ${weight}`).sort()
    const attach = async (address: string) => {
      const words = [web.address, `${web.port}`, address, '8080', director.path]
      const ingress = new Process(back, example('ingress.mjs'), ...words)
      await ingress.printed('attached')
      return ingress
    }
    const leaver = await attach(one)
    const requests = new Requests(front, 'ask', url)
    const answering = async () => Object.keys((await requests.seen()).answers).sort()
    const hello = (address: string) => `${address}:8080 got 0 bytes`
    await expect.poll(answering, soon).toEqual([hello(one)])
    const stayer = await attach(two)
    await expect.poll(answering, soon).toEqual([hello(one), hello(two)])
    expect(await table()).toEqual([`${one} 100`, `${two} 100`])

    const slow = new Requests(front, 'slow', url, '20')
    const active = async () => (await ipvs.destinations.list(web)).map(({ activeConns }) => activeConns >= 5)
    await expect.poll(active, soon).toEqual([true, true])
    leaver.kill('SIGTERM')
    await leaver.printed(/waiting [1-9]/)
    await requests.seen()
    await expect.poll(answering, soon).toEqual([hello(two)])
    expect(await table()).toEqual([`${one} 0`, `${two} 100`])
    const { answers, failures } = await slow.seen()
    expect(failures).toEqual([])
    expect(Object.values(answers).reduce((sum, count) => sum + count, 0)).toBe(20)
    expect(Object.keys(answers).some((answer) => answer.startsWith(one))).toBe(true)
    expect(await leaver.ended).toEqual([0, null])
    expect(leaver.output).toMatch(/drained 0\n$/)
    expect(await table()).toEqual([`${two} 100`])
    expect((await requests.seen()).failures).toEqual([])

    stayer.kill('SIGKILL')
    await stayer.ended
    await ipvs.destinations.edit(web, { address: two, port: 8080 }, { weight: 0 }) // As if it had begun to leave.
    await attach(two)
    expect(await table()).toEqual([`${two} 100`])
    await requests.seen()
    await expect.poll(answering, soon).toEqual([hello(two)])
  },
)

test('exporter: the metrics of node_exporter, with the numbers of the kernel', limit, async () => {
  // A package of its own, for which ours has to be installed.
  const installed = example('exporter/node_modules/ipvs')
  if (!existsSync(installed)) symlinkSync('../../..', installed)
  const { client, director, ipvs } = await balancer()
  await ipvs.services.add({ fwmark: 0x10001000, scheduler: 'rr' })
  await ipvs.destinations.add(
    { fwmark: 0x10001000 },
    {
      address: '192.168.49.32',
      port: 3306,
      forwarding: 'masquerading',
    },
  )
  await ipvs.services.add({ protocol: 'udp', address: '2001:db8::10', port: 53 })
  await ipvs.destinations.add(
    { protocol: 'udp', address: '2001:db8::10', port: 53 },
    { address: '2001:db8:1::1', weight: 0 },
  )
  await client.open(6)
  await client.close(one, 1, 'end')
  const exporter = new Process(director, example('exporter/exporter.mjs'), '9199', '127.0.0.1')
  await exporter.printed('listening')
  const scrape = (): Record<string, number> => {
    const text = director.exec('/bin/busybox', 'wget', '-qO-', 'http://127.0.0.1:9199/metrics')
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    return Object.fromEntries(
      lines.map((line) => /^(.*) (\S+)$/.exec(line)!.slice(1)).map(([k, v]) => [k, Number(v)]),
    )
  }
  /** The kernel's totals, which it adds up every two seconds. */
  const totals = (): number[] => {
    const [, , line] = director.read('/proc/net/ip_vs_stats').split('\n')
    return line!
      .trim()
      .split(/\s+/)
      .map((word) => Number.parseInt(word, 16))
  }
  const backend = (address: string, where = ['192.0.2.10', '80', '8080', 'TCP', '']) =>
    `{local_address="${where[0]}",local_port="${where[1]}",remote_address="${address}",remote_port="${where[2]}",` +
    `proto="${where[3]}",local_mark="${where[4]}"}`
  await expect.poll(() => totals()[0], soon).toBe(6)
  const rows = [
    [backend(one), 1, 1, 5],
    [backend(two), 2, 0, 5],
    [backend(servers[2]), 2, 0, 5],
    [backend('192.168.49.32', ['', '0', '3306', 'FWM', '10001000']), 0, 0, 1],
    [backend('2001:db8:1::1', ['2001:db8::10', '53', '53', 'UDP', '']), 0, 0, 0],
  ] as const
  const totalNames = [
    'connections',
    'incoming_packets',
    'outgoing_packets',
    'incoming_bytes',
    'outgoing_bytes',
  ]
  const counts = totals()
  expect(scrape()).toEqual(
    Object.fromEntries([
      ...totalNames.map((name, i) => [`node_ipvs_${name}_total`, counts[i]]),
      ...rows.flatMap(([labels, active, inactive, weight]) => [
        [`node_ipvs_backend_connections_active${labels}`, active],
        [`node_ipvs_backend_connections_inactive${labels}`, inactive],
        [`node_ipvs_backend_weight${labels}`, weight],
      ]),
    ]),
  )
  // Counters live on where a service is deleted; its servers are gone from the next scrape.
  await ipvs.services.delete(web)
  const after = scrape()
  expect(after.node_ipvs_connections_total).toBe(6)
  expect(Object.keys(after).filter((name) => name.includes('192.0.2.10'))).toEqual([])
})
