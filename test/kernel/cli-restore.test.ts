// Save and restore on the real kernel: round trip with everything, and against ipvsadm's time.
// SPDX-License-Identifier: MIT

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { restore, save } from '../../lib/index.ts'
import { ipvs, ipvsadm, tableOf } from './cli-run.ts'
import { namespace, open, since } from './namespace.ts'
import { patience, slowness } from './slowness.ts'

const everything = [
  '--set 901 121 301',
  '-A -t 192.0.2.1:80 -s wrr',
  '-a -t 192.0.2.1:80 -r 10.0.0.2:80 -g -w 1 -x 100 -y 5',
  '-a -t 192.0.2.1:80 -r 10.0.0.1:8080 -m -w 0',
  ...(since('5.3')
    ? ['-a -t 192.0.2.1:80 -r 10.0.0.3:80 -i -w 7 --tun-type gue --tun-port 6080 --tun-remcsum -x 9']
    : []),
  '-a -t 192.0.2.1:80 -r 10.0.0.4:8080 --forwarding direct-routing -w 1',
  '-a -t 192.0.2.1:80 -r 10.0.0.5:80 --forwarding bypass -w 1',
  '-A -t 192.0.2.1:81 -s sh -p 300 -M 255.255.255.0 -b sh-port,flag-3',
  '-A -u 192.0.2.1:0 -s rr --force',
  '-A -u 192.0.2.1:5060 -s rr -p 60 --pe sip -o',
  '-A -t [2001:db8::1]:80 -s rr',
  '-a -t [2001:db8::1]:80 -r [2001:db8::2]:81 -m -w 3',
  '-A -f 7 -s rr',
  '-a -f 7 -r 10.0.0.2:0 -g -w 1',
  '-A -f 7 -6 -s rr -p 20 -M 64',
  '-A -f 4294967294 -s wlc',
  '--start-daemon master --mcast-interface lo --syncid 3 --sync-maxlen 1400 --mcast-group 239.1.2.3 --mcast-port 9000 --mcast-ttl 4',
]

const text = ['--set 901 121 301', ...everything.filter((line) => !line.startsWith('--set'))]
  .map((line) => `${line}\n`)
  .join('')

test('what was saved, restored and saved again is the same text, whoever restores', async () => {
  const [first, second] = [namespace(), namespace()]
  const one = await open(first.path)
  expect((await restore(one, text)).faults).toEqual([])
  expect(await save(one)).toBe(text)
  expect((await ipvs(first, ['save'])).out).toBe(text)
  // By the command line, into another namespace.
  expect(await ipvs(second, ['restore', '--clear'], text)).toEqual({ status: 0, out: '', err: '' })
  expect(tableOf(second)).toEqual(tableOf(first))
  expect((await ipvs(second, ['save'])).out).toBe(text)
  // Again: everything is there, which is found before anything is changed.
  const again = await ipvs(second, ['restore'], text)
  expect(again.status).toBe(1)
  expect(again.err).toContain('ipvs: line 2: the service exists already')
  expect(again.err).toContain('nothing was changed')
  expect((await ipvs(second, ['restore', '--clear'], text)).status).toBe(0)
  expect((await ipvs(second, ['save'])).out).toBe(text)
})

test('what ipvsadm saves is restored, and what is saved for it ipvsadm restores', async () => {
  const [first, second, third] = [namespace(), namespace(), namespace()]
  const plain = text
    .split('\n')
    .filter((line) => !/--force|--forwarding|4294967294|flag-3/.test(line))
    .join('\n')
  expect(ipvsadm(first, ['-R'], plain)).toMatchObject({ status: 0, err: '' })
  const saved = ipvsadm(first, ['-Sn']).out
  expect(await ipvs(second, ['-R'], saved)).toEqual({ status: 0, out: '', err: '' })
  expect(ipvsadm(second, ['-Sn']).out).toBe(saved)
  expect(ipvsadm(third, ['-R'], (await ipvs(first, ['save'])).out)).toMatchObject({ status: 0, err: '' })
  expect(tableOf(third)).toEqual(tableOf(first))
})

test('a scheduler that is missing and a wrong value are found before the table is emptied', async () => {
  const netns = namespace()
  expect((await ipvs(netns, ['-A', '-f', '7', '-s', 'rr'])).status).toBe(0)
  const wrong =
    '-A -t 192.0.2.1:80\n-A -t 192.0.2.2:80 -s nosuch\n-a -t 192.0.2.1:80 -r 224.0.0.1\n-a -t 192.0.2.1:80 -r 10.0.0.1 -y 5\n'
  const result = await ipvs(netns, ['restore', '--clear'], wrong)
  expect(result).toMatchObject({ status: 1, out: '' })
  const lines = result.err.split('\n')
  expect(lines[0]).toMatch(/^ipvs: line 2: no such scheduler.* \(-A -t 192\.0\.2\.2:80 -s nosuch\)$/)
  expect(lines[1]).toMatch(/^ipvs: line 3: address: a real server needs a unicast address/)
  expect(lines[2]).toMatch(/^ipvs: line 4: lowerThreshold: 5 is above upperThreshold 0/)
  expect(lines.slice(3)).toEqual(['ipvs: nothing was changed', ''])
  expect(ipvsadm(netns, ['-Sn']).out).toBe('-A -f 7 -s rr\n')
})

test('what cannot be foreseen ends the restore with its line named', async () => {
  const netns = namespace()
  // Whether there is such an interface only the kernel says.
  const wrong = '-A -t 192.0.2.1:80\n--start-daemon master --mcast-interface nosuch0\n-A -t 192.0.2.2:80\n'
  const result = await ipvs(netns, ['restore'], wrong)
  expect(result).toMatchObject({ status: 1, out: '' })
  expect(result.err).toMatch(
    /^ipvs: line 2: .*no such network interface.* \(--start-daemon master --mcast-interface nosuch0\)\n/,
  )
  expect(result.err).toContain('\nipvs: 2 of 3 lines were carried out\n')
  const partial = await ipvs(
    netns,
    ['restore', '--partial', '--json'],
    '-A -t 192.0.2.1:80\n-A -t 192.0.2.3:80\n',
  )
  expect(partial.status).toBe(1)
  expect(JSON.parse(partial.out)).toMatchObject({ done: 1, faults: [{ line: 1 }] })
})

test('JSON of everything that prints', async () => {
  const netns = namespace()
  expect((await ipvs(netns, ['restore'], text)).status).toBe(0)
  const json = async (...argv: string[]) => JSON.parse((await ipvs(netns, [...argv, '--json'])).out)
  expect(await json('-L')).toMatchObject({ version: '1.2.1', services: expect.any(Array) })
  expect((await json('-L', '-t', '192.0.2.1:80')).services).toMatchObject([{ port: 80, scheduler: 'wrr' }])
  expect((await json('-S')).services).toHaveLength((await json('-L')).services.length)
  expect(await json('-L', '--timeout')).toEqual({ tcp: 901, tcpFin: 121, udp: 301 })
  expect(await json('-L', '--daemon')).toMatchObject([{ state: 'master', syncId: 3 }])
  expect(await json('-L', '-c')).toEqual([])
  expect(await json('save')).toMatchObject({
    stable: true,
    timeouts: { tcp: 901 },
    daemons: [{ port: 9000 }],
  })
})

test('predict and impact, of the kernel’s own sh', async () => {
  const netns = namespace()
  const lines = [
    '-A -t 192.0.2.1:80 -s sh',
    ...[1, 2, 3, 4].map((i) => `-a -t 192.0.2.1:80 -r 10.0.0.${i} -m -w 1`),
  ]
  expect((await ipvs(netns, ['-R'], lines.join('\n'))).status).toBe(0)
  const shares = JSON.parse((await ipvs(netns, ['predict', '-t', '192.0.2.1:80', '--json'])).out)
  expect(shares.servers.map(({ share }: { share: number }) => share)).toEqual([0.25, 0.25, 0.25, 0.25])
  const clients = await ipvs(
    netns,
    ['predict', '-t', '192.0.2.1:80', '-', '198.51.100.7'],
    '198.51.100.8\n\n',
  )
  expect(clients.out).toMatch(/^198\.51\.100\.7 10\.0\.0\.\d:80\n198\.51\.100\.8 10\.0\.0\.\d:80\n$/)
  const table = await ipvs(netns, ['predict', '-t', '192.0.2.1:80', '-s', 'msh'])
  expect(table.out).toMatch(/^192\.0\.2\.1:80\/tcp msh, 32768 slots, checksum [\da-f]{16}\n/)
  const impact = await ipvs(netns, [
    'impact',
    '-t',
    '192.0.2.1:80',
    '--remove',
    '10.0.0.4',
    '--add',
    '10.0.0.5=2',
    '--json',
  ])
  const { moved, minimum, basis } = JSON.parse(impact.out)
  expect(moved).toBeGreaterThanOrEqual(minimum)
  expect(minimum).toBeGreaterThan(0.2)
  expect(basis).toBe('exact')
  expect((await ipvs(netns, ['impact', '-t', '192.0.2.1:80', '--weight', '10.0.0.1=0'])).out).toContain(
    ' of clients move; at least ',
  )
  expect(await ipvs(netns, ['impact', '-t', '192.0.2.1:80', '--remove', '10.0.0.9'])).toMatchObject({
    status: 1,
    err: 'ipvs: the service has no real server 10.0.0.9\n',
  })
  await ipvs(netns, ['-E', '-t', '192.0.2.1:80', '-s', 'rr'])
  expect(await ipvs(netns, ['predict', '-t', '192.0.2.1:80'])).toMatchObject({
    status: 1,
    err: expect.stringContaining('rr cannot be predicted'),
  })
})

type Times = Readonly<Record<'ipvsadm' | 'process' | 'first' | 'later' | 'node', readonly number[]>>

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!

test(
  '20,000 lines beside ipvsadm',
  () => {
    // In a process of its own, without the test runner's instrumentation.
    const script = fileURLToPath(new URL('restore-speed.mjs', import.meta.url))
    const times: Times = JSON.parse(execFileSync(process.execPath, [script, '1'], { encoding: 'utf8' }))
    const faster = (time: number): number => Number((median(times.ipvsadm) / time).toFixed(1))
    const ratios = {
      process: faster(median(times.process)),
      'process without the start of Node.js': faster(median(times.process) - median(times.node)),
      'first restore() of a program': faster(median(times.first)),
      'later restore()': faster(median(times.later)),
    }
    console.log(`times as fast as ipvsadm -R: ${JSON.stringify(ratios)}`)
    // README has what was seen; here there is other work on the machine. Where lines are counted, only ours is slower.
    if (slowness > 1) return
    expect(ratios['later restore()']).toBeGreaterThan(1.5)
    expect(ratios.process).toBeGreaterThan(0.7)
  },
  300_000 * patience,
)

test('as a process', () => {
  const netns = namespace()
  const bin = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
  const file = join(tmpdir(), `rules-${process.pid}`)
  writeFileSync(file, text)
  const run = (...argv: string[]) => netns.exec(process.execPath, bin, ...argv)
  run('restore', file)
  expect(run('save')).toBe(text)
  expect(run('-Ln')).toBe(
    ipvsadm(netns, ['-Ln'])
      .out.replace('FWM  -2 ', 'FWM  4294967294 ')
      .replace('(sh-port)', '(sh-port,flag-3)')
      .replaceAll('(null) ', 'Bypass '),
  )
  // Without --netns it works in the namespace that it runs in, and who reads may stop early.
  const shell = (script: string) => netns.exec('bash', '-c', script)
  expect(shell(`'${process.execPath}' '${bin}' -Sn | head -1`)).toMatch(/^-A -f 4294967294 /)
  expect(shell(`'${process.execPath}' '${bin}' -D -t 192.0.2.99:80 2>&1; echo $?`)).toMatch(
    /^ipvs: delService 192\.0\.2\.99:80\/tcp: no such virtual service \(ESRCH\)\n255\n$/,
  )
  execFileSync('rm', [file])
})
