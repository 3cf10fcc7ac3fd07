// Connections of the real kernel: what ipvsadm prints of them, filters, and namespaces.
// SPDX-License-Identifier: MIT

import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { type Connection, type ConnectionsOptions, connections } from '../../lib/index.ts'
import { ipvs, ipvsadm } from './cli-run.ts'
import { addresses, flow } from './flows.ts'
import { moduleExists, type Namespace, namespace, open } from './namespace.ts'

const all = async (options: ConnectionsOptions): Promise<Connection[]> => {
  const found: Connection[] = []
  for await (const connection of connections(options)) found.push(connection)
  return found
}

const [vip, web, dns, vip6, web6] = [
  '192.0.2.10',
  '10.0.0.1',
  '10.0.0.2',
  '2001:db8::10',
  '2001:db8::1',
] as const
const hasSip = moduleExists('ip_vs_pe_sip')

/** Connections of every kind, on a director that is its own client and server. */
const busy = async (): Promise<Namespace> => {
  const netns = namespace()
  addresses(netns, [vip, web, dns, vip6, web6])
  const rules = [
    `-A -t ${vip}:80 -s rr`,
    `-a -t ${vip}:80 -r ${web}:8080 -m`,
    `-A -u ${vip}:53 -s rr`,
    `-a -u ${vip}:53 -r ${dns}:53 -m`,
    `-A -t ${vip}:443 -s rr -p 300 -M 255.255.255.0`,
    `-a -t ${vip}:443 -r ${web}:443 -m`,
    `-A -t [${vip6}]:80 -s rr -p 60`,
    `-a -t [${vip6}]:80 -r [${web6}]:8080 -m`,
    '-A -f 7 -s rr -p 100',
    `-a -f 7 -r ${dns}:0 -m`,
    '-A -f 2147483655 -6 -s rr -p 100',
    `-a -f 2147483655 -6 -r [${web6}]:0 -m`,
    ...(hasSip ? [`-A -u ${vip}:5060 -s rr -p 60 --pe sip`, `-a -u ${vip}:5060 -r ${dns}:5060 -m`] : []),
  ]
  expect(ipvsadm(netns, ['-R'], rules.map((rule) => `${rule}\n`).join(''))).toMatchObject({
    status: 0,
    err: '',
  })
  await flow(
    netns,
    [
      ['tcp', web, 8080],
      ['tcp', web, 443],
      ['udp', dns, 53],
      ['udp', dns, 5060],
      ['tcp', web6, 8080],
      ['udp', dns, 9000],
      ['udp', web6, 9000],
    ],
    [
      { protocol: 'tcp', to: [vip, 80], count: 3 },
      { protocol: 'udp', to: [vip, 53], count: 2 },
      { protocol: 'tcp', to: [vip, 443] },
      { protocol: 'tcp', to: [vip6, 80] },
      { protocol: 'udp', to: [vip, 9000], mark: 7 },
      { protocol: 'udp', to: [vip6, 9000], mark: 2147483655 },
      ...(hasSip
        ? [
            {
              protocol: 'udp',
              to: [vip, 5060],
              text: 'INVITE sip:a SIP/2.0\r\nCall-ID: ab12@host\r\n\r\n',
            } as const,
          ]
        : []),
    ],
  )
  return netns
}

const place = (text: string) => {
  const [, address, port] = /^\[?(.*?)\]?:(\d+)$/.exec(text)!
  return { address: address!, port: Number(port) }
}

/** A line of `ipvsadm -Lcn --persistent-conn`. */
const parsed = (line: string) => {
  const [protocol, expires, state, client, virtual, destination, engine, ...data] = line.trim().split(/\s+/)
  const [minutes, seconds] = expires!.split(':').map(Number)
  return {
    protocol: protocol!.toLowerCase(),
    state,
    expires: minutes! * 60 + seconds!,
    client: place(client!),
    virtual: place(virtual!),
    destination: place(destination!),
    ...(engine === undefined ? {} : { engine, engineData: data.join(' ') }),
  }
}

test('the fields are those of ipvsadm -Lcn: IPv4, IPv6, UDP, templates, marks, engines', async () => {
  const netns = await busy()
  const theirs = ipvsadm(netns, ['-Lcn', '--persistent-conn']).out.trim().split('\n').slice(2).map(parsed)
  const found = await all({ netns: netns.path })
  const name = ({ client, virtual, protocol, state }: (typeof theirs)[number]) =>
    `${protocol} ${state} ${client.address} ${client.port} ${virtual.address} ${virtual.port}`
  const inOrder = (list: readonly (typeof theirs)[number][]) =>
    [...list].sort((a, b) => (name(a) < name(b) ? -1 : 1))
  const still = (list: typeof theirs) => list.map(({ expires: _, ...rest }) => rest)
  const ours = inOrder(found.map(({ template: _, family: __, fwmark: ___, ...rest }) => rest))
  const wanted = inOrder(theirs)
  expect(still(ours)).toEqual(still(wanted))
  for (const [i, { expires }] of ours.entries()) {
    expect(Math.abs(expires - wanted[i]!.expires), name(wanted[i]!)).toBeLessThan(5)
  }

  const one = (filter: (connection: Connection) => boolean) => found.filter(filter)
  expect(one(({ virtual, state }) => virtual.port === 80 && state === 'ESTABLISHED')).toHaveLength(4)
  expect(one(({ protocol, virtual }) => protocol === 'udp' && virtual.port === 53)).toHaveLength(2)
  expect(one(({ family, template }) => family === 'ipv6' && !template)).toHaveLength(2)
  const marks = one(({ fwmark }) => fwmark !== undefined)
  expect(marks.map(({ fwmark, family, template }) => [fwmark, family, template]).sort()).toEqual([
    [2147483655, 'ipv6', true],
    [7, 'ipv4', true],
  ])
  const templates = one(({ template }) => template)
  expect(templates).toHaveLength(hasSip ? 5 : 4)
  expect(templates.every(({ client }) => client.port === 0)).toBe(true)
  expect(one(({ template, client }) => !template && client.port === 0)).toEqual([])
  if (hasSip)
    expect(one(({ engine }) => engine !== undefined)).toMatchObject([
      { engine: 'sip', engineData: 'ab12@host' },
    ])

  // The lines, too.
  const lines = (text: string) =>
    text
      .replace(/ \d\d:\d\d /g, ' time ')
      .split('\n')
      .sort()
  const own = await ipvs(netns, ['connections'])
  expect(lines(own.out)).toEqual(lines(ipvsadm(netns, ['-Lcn', '--persistent-conn']).out))

  await filters(netns)
})

const filters = async (netns: Namespace): Promise<void> => {
  const count = async (...args: readonly string[]) => {
    const { out, err, status } = await ipvs(netns, ['connections', '--count', ...args])
    expect({ status, err }).toEqual({ status: 0, err: '' })
    return Number(out)
  }
  expect(await count('-t', `${vip}:80`)).toBe(3)
  expect(await count('-u', `${vip}:53`)).toBe(2)
  expect(await count('-t', `${vip}:0`)).toBe(5)
  expect(await count('-r', dns)).toBe(hasSip ? 6 : 4)
  expect(await count('-r', `${web}:8080`)).toBe(3)
  expect(await count('--state', 'established', '--protocol', 'tcp', '-t', `[${vip6}]:80`)).toBe(1)
  expect(await count('--templates', '-f', '7')).toBe(1)
  expect(await count('--templates', '-f', '2147483655', '-6')).toBe(1)
  expect(await count('--no-templates', '-t', `${vip}:443`)).toBe(1)
  expect(await count('--client', '203.0.113.1')).toBe(0)
  const marked = await ipvs(netns, ['connections', '-f', '7'])
  expect(marked.err).toContain('does not say which connections came by a mark')
  const json = await ipvs(netns, ['connections', '--json', '-t', `${vip}:80`])
  const ports = json.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).destination.port)
  expect(ports).toEqual([8080, 8080, 8080])

  // The other file of the kernel.
  const origins = await all({ netns: netns.path, origin: true })
  expect(origins).toHaveLength((await all({ netns: netns.path })).length)
  expect(origins.every(({ origin, engine }) => origin === 'local' && engine === undefined)).toBe(true)
  expect((await ipvs(netns, ['connections', '--origin', '-u', `${vip}:53`])).out).toMatch(
    /10\.0\.0\.2:53 +local\n/,
  )
}

const served = async (netns: Namespace): Promise<void> => {
  const client = await open(netns.path)
  const service = { protocol: 'udp', address: vip, port: 53 } as const
  await client.services.add({ ...service, scheduler: 'rr' })
  await client.destinations.add(service, { address: web, forwarding: 'masquerading' })
}

test('each namespace has its own: by path, by descriptor, by process, and where the process is', async () => {
  const [netns, other] = [namespace(), namespace()]
  addresses(netns, [vip, web])
  await served(netns)
  await open(other.path)
  await flow(netns, [['udp', web, 53]], [{ protocol: 'udp', to: [vip, 53], count: 200 }])
  expect(await all({ netns: netns.path })).toHaveLength(200)
  expect(await all({ netns: other.path })).toEqual([])
  const fd = openSync(netns.path, 'r')
  try {
    expect(await all({ netns: fd })).toHaveLength(200)
  } finally {
    closeSync(fd)
  }
  const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
  expect(netns.exec(process.execPath, main, 'connections', '--count')).toBe('200\n')
  await expect(all({ netns: '/run/netns/none' })).rejects.toMatchObject({
    reason: 'system',
    code: 'ENOENT',
  })

  // Whoever is not root may read those of the own namespace, and is told why not those of another.
  const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, main, 'connections']
  const away = spawnSync('setpriv', [...asNobody, '--netns', netns.path], { encoding: 'utf8' })
  expect(away.status).toBe(1)
  expect(away.stderr).toMatch(/not-permitted|EPERM|EACCES/)
  execFileSync('setpriv', [...asNobody, '--count'])
})

test('thousands of connections: each once', async () => {
  const netns = namespace()
  addresses(netns, [vip, web])
  await served(netns)
  const count = 4000
  await flow(netns, [['udp', web, 53]], [{ protocol: 'udp', to: [vip, 53], count }])
  const start = performance.now()
  const found = await all({ netns: netns.path })
  const seconds = (performance.now() - start) / 1000
  console.log(`${found.length} connections read from the kernel in ${seconds.toFixed(2)} s`)
  expect(found).toHaveLength(count)
  expect(new Set(found.map(({ client }) => client.port)).size).toBe(count)
})
