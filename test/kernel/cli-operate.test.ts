// The subcommands that operate a director: plan, apply, drain, undrain and watch, on the real kernel.
// SPDX-License-Identifier: MIT

import { expect, onTestFinished, test } from 'vitest'
import { main } from '../../lib/cli/run.ts'
import { ipvs, ipvsadm } from './cli-run.ts'
import { namespace } from './namespace.ts'

const desired = JSON.stringify({
  services: [
    {
      protocol: 'tcp',
      address: '192.0.2.1',
      port: 80,
      scheduler: 'wrr',
      destinations: [
        { address: '10.0.0.1', forwarding: 'masquerading', weight: 5 },
        { address: '10.0.0.2', forwarding: 'masquerading', weight: 0 },
      ],
    },
  ],
})

test('plan says what to do, apply does it, and then there is nothing to do', async () => {
  const netns = namespace()
  ipvsadm(netns, ['-A', '-t', '192.0.2.9:80', '-s', 'rr'])
  const planned = await ipvs(netns, ['plan', '--check'], desired)
  expect(planned).toMatchObject({ status: 3, err: '' })
  expect(planned.out).toContain('+ 10.0.0.1:80 of 192.0.2.1:80/tcp: ')
  expect(planned.out).toContain('3 to add, 0 to edit, 0 to delete\n')
  const stored = (await ipvs(netns, ['plan', '--json'], desired)).out
  expect(JSON.parse(stored).changes).toHaveLength(3)
  expect(await ipvs(netns, ['plan'], stored)).toMatchObject({ status: 2 })
  const applied = await ipvs(netns, ['apply'], stored)
  expect(applied).toMatchObject({ status: 0, err: '' })
  expect(applied.out).toMatch(/^\+ .*\n\+ .*\n\+ .*\n3 done, 0 failed, 0 skipped\n$/)
  expect(await ipvs(netns, ['plan', '--check'], desired)).toEqual({ status: 0, out: 'no changes\n', err: '' })
  expect(await ipvs(netns, ['apply'], desired)).toEqual({ status: 0, out: 'no changes\n', err: '' })
  // The foreign service is there as it was.
  expect(ipvsadm(netns, ['-Sn']).out).toBe(
    '-A -t 192.0.2.1:80 -s wrr\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -m -w 5\n' +
      '-a -t 192.0.2.1:80 -r 10.0.0.2:80 -m -w 0\n-A -t 192.0.2.9:80 -s rr\n',
  )
})

test('lines are a desired table, too', async () => {
  const netns = namespace()
  const lines = '-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.1 -m\n--set 1 2 3\n'
  expect(await ipvs(netns, ['apply'], lines)).toMatchObject({
    status: 0,
    err: 'note: timeouts are left as they are: plan and apply are for services\n',
  })
  // What is printed as JSON is the desired table that is there.
  for (const print of [['save'], ['-L'], ['-S']]) {
    const { out } = await ipvs(netns, [...print, '--json'])
    expect(await ipvs(netns, ['plan', '--check'], out), print[0]).toMatchObject({
      status: 0,
      out: 'no changes\n',
    })
  }
  ipvsadm(netns, ['-A', '-f', '7'])
  ipvsadm(netns, ['-A', '-t', '198.51.100.1:80'])
  const other = '-A -t 192.0.2.2:80 -s rr\n'
  const pruned = await ipvs(
    netns,
    ['apply', '--owns', '192.0.2.0/24', '--owns', 'fwmark', '--prune', 'all', '--grace', '0'],
    other,
  )
  expect(pruned).toMatchObject({ status: 0, err: '' })
  expect(ipvsadm(netns, ['-Sn']).out).toBe('-A -t 192.0.2.2:80 -s rr\n-A -t 198.51.100.1:80 -s wlc\n')
  const foreign = await ipvs(netns, ['plan', '--owns', '198.51.100.0/24'], other)
  expect(foreign).toMatchObject({ status: 1, err: expect.stringContaining('foreign') })
  expect(await ipvs(netns, ['plan'], '-D -t 192.0.2.2:80\n')).toMatchObject({
    status: 1,
    err: 'ipvs: line 1: a desired table has nothing but lines of -A and -a; this one is to delete-service\n',
  })
  expect(await ipvs(netns, ['plan'], '{ "services": 5 }')).toMatchObject({
    status: 1,
    err: expect.stringContaining('services'),
  })
})

test('what fails is told, and the rest is done', async () => {
  const netns = namespace()
  const lines = '-A -t 192.0.2.1:80 -s rr\n-A -t 192.0.2.2:80 -s nosuch --force\n'
  const result = await ipvs(netns, ['apply', '--force'], lines)
  expect(result.status).toBe(1)
  expect(result.out).toMatch(/192\.0\.2\.2:80\/tcp: .*: FAILED: .*no such scheduler/)
  expect(result.out).toContain('1 done, 1 failed, 0 skipped\n')
  const { outcomes } = JSON.parse((await ipvs(netns, ['apply', '--force', '--json'], lines)).out)
  expect(outcomes).toMatchObject([
    { status: 'failed', error: { name: 'IpvsError', reason: 'no-such-scheduler' } },
  ])
})

test('drain and undrain', async () => {
  const netns = namespace()
  const lines = [
    '-A -t 192.0.2.1:80',
    '-a -t 192.0.2.1:80 -r 10.0.0.1 -m -w 5',
    '-a -t 192.0.2.1:80 -r 10.0.0.2 -m',
  ]
  ipvsadm(netns, ['-R'], lines.map((line) => `${line}\n`).join(''))
  const at = ['-t', '192.0.2.1:80', '-r', '10.0.0.1']
  expect(await ipvs(netns, ['drain', ...at, '--keep', 'always'])).toEqual({
    status: 0,
    out: 'waiting: 0 active, 0 inactive, 0 persistent\ndrained; its weight was 5\n',
    err: '',
  })
  expect(await ipvs(netns, ['undrain', ...at, '-w', '7'])).toEqual({ status: 0, out: '', err: '' })
  expect(ipvsadm(netns, ['-Sn']).out).toContain('-r 10.0.0.1:80 -m -w 7\n')
  const items = (await ipvs(netns, ['drain', ...at, '--json'])).out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(items.at(-1)).toMatchObject({ state: 'drained', weightBefore: 7, deleted: true })
  expect(await ipvs(netns, ['drain', ...at])).toMatchObject({
    status: 1,
    err: expect.stringContaining('no such real server'),
  })
  const last = await ipvs(netns, [
    'drain',
    '-t',
    '192.0.2.1:80',
    '-r',
    '10.0.0.2',
    '--until',
    'no-templates',
    '--deadline',
    '60',
  ])
  expect(last).toMatchObject({ status: 0, err: expect.stringMatching(/^note: no other server/) })
  expect(await ipvs(netns, ['drain', ...at, '--until', 'active'])).toMatchObject({
    status: 2,
    err: expect.stringContaining('--until'),
  })
})

test('watch prints changes as they come, until it is told to end', async () => {
  const netns = namespace()
  expect((await ipvs(netns, ['watch', '--count', '1'])).out).toMatch(
    /^\d{4}-\S+Z 0 services, 0 real servers\n$/,
  )
  const controller = new AbortController()
  onTestFinished(() => controller.abort())
  let out = ''
  let tell: (() => void) | undefined
  const watching = main(['watch', '--interval', '0.1', '--changes', '--netns', netns.name], {
    out: (text) => {
      out += text
      tell?.()
    },
    err: (text) => {
      out += `error: ${text}`
    },
    input: async () => '',
    signal: controller.signal,
  })
  const seen = async (text: string): Promise<void> => {
    while (!out.includes(text)) {
      await new Promise<void>((resolve) => {
        tell = resolve
      })
    }
  }
  // The first reading has to come before, and prints nothing.
  await new Promise((resolve) => setTimeout(resolve, 1500))
  ipvsadm(netns, ['-A', '-t', '192.0.2.1:80', '-s', 'rr'])
  await seen('+ 192.0.2.1:80/tcp\n')
  ipvsadm(netns, ['-a', '-t', '192.0.2.1:80', '-r', '10.0.0.1', '-m', '-w', '1'])
  await seen('+ 10.0.0.1:80 of 192.0.2.1:80/tcp\n')
  ipvsadm(netns, ['-e', '-t', '192.0.2.1:80', '-r', '10.0.0.1', '-m', '-w', '2'])
  await seen('~ 10.0.0.1:80 of 192.0.2.1:80/tcp: weight 1 → 2\n')
  ipvsadm(netns, ['-C'])
  await seen('- 192.0.2.1:80/tcp\n')
  controller.abort()
  expect(await watching).toBe(0)
  expect(out).not.toContain('error')
})
