// Restore: what would be refused is found before anything is changed; what was refused is named.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import { commandName, message } from '../../lib/abi.ts'
import { formatAddress } from '../../lib/address.ts'
import { Director } from '../../lib/director.ts'
import { restore } from '../../lib/index.ts'
import { queueOver, ScriptedSocket, type Seen } from './script.ts'

const ENOMEM = 12
const verbs: Readonly<Record<string, string>> = {
  newService: 'add',
  delService: 'delete',
  newDest: 'add',
  newDaemon: 'start',
  delDaemon: 'stop',
  setConfig: 'set',
}

/** The verb, and the addresses that it is about. */
const told = ({ command, payload }: Seen): string => {
  const { service, destination } = message.read(
    new DataView(payload.buffer, payload.byteOffset, payload.length),
    0,
    payload.length,
  )
  const addresses = [service?.address, destination?.address]
    .filter((address) => address !== undefined)
    .map((address) => formatAddress(address, typeof address === 'number' || address.length === 4 ? 2 : 10))
  const name = commandName(command) ?? ''
  return [verbs[name] ?? name, ...addresses].join(' ')
}

/** A director whose kernel notes what it is told, and has no memory for what is to be refused. */
const recorder = (refuse: (what: string) => boolean = () => false) => {
  const calls: string[] = []
  const socket = new ScriptedSocket((seen) => {
    const what = told(seen)
    if (what === 'getDaemon') return 0
    calls.push(what)
    return refuse(what) ? ENOMEM : 0
  })
  const client = new Director(queueOver(socket))
  Object.assign(client.daemons, { list: async () => [{ state: 'master' }] })
  Object.assign(client, {
    snapshot: async () => ({
      stable: true,
      services: [
        {
          protocol: 'tcp',
          address: '192.0.2.1',
          port: 80,
          family: 'ipv4',
          destinations: [{ address: '10.0.0.1', port: 80 }],
        },
      ],
    }),
  })
  return { calls, client }
}

const manyServices = (count: number): string =>
  Array.from({ length: count }, (_, i) => `-A -t 10.0.${i >> 8}.${i & 255}:80\n`).join('')

test('lines are carried out in their order', async () => {
  const { calls, client } = recorder()
  const text = '--set 1 2 3\n-A -t 192.0.2.2:80\n-a -t 192.0.2.2:80 -r 10.0.0.1\n-D -t 192.0.2.1:80\n'
  expect(await restore(client, text)).toEqual({ done: 4, faults: [] })
  expect(calls).toEqual(['set', 'add 192.0.2.2', 'add 192.0.2.2 10.0.0.1', 'delete 192.0.2.1'])
})

test('nothing is changed when the table would refuse a line', async () => {
  const { calls, client } = recorder()
  const text = [
    '-A -t 192.0.2.1:80', // there
    '-a -t 192.0.2.1:80 -r 10.0.0.1:80', // there
    '-a -t 192.0.2.1:80 -r 10.0.0.2',
    '-a -t 192.0.2.1:80 -r 10.0.0.2', // twice
    '-e -t 192.0.2.1:80 -r 10.0.0.3', // absent
    '-a -t 192.0.2.9:80 -r 10.0.0.3', // absent
    '-D -t 192.0.2.1:80',
    '-E -t 192.0.2.1:80', // gone
    '-A -t [2001:db8:0::1]:80',
    '-A -t [2001:db8::1]:80', // twice
    '--start-daemon master', // runs
    '--stop-daemon backup', // does not
    '-C',
    '-A -t [2001:db8::1]:80',
  ].join('\n')
  const error = await restore(client, text).catch((reason) => reason)
  expect(error.faults.map(({ line }: { line: number }) => line)).toEqual([1, 2, 4, 5, 6, 8, 10, 11, 12])
  expect(error.message).toContain('line 1: the service exists already (-A -t 192.0.2.1:80)')
  expect(error.message).toContain('nothing was changed')
  expect(calls).toEqual([])
})

test.each(['', '\n \n'])('clear: a text that says nothing is refused: %j', async (text) => {
  const { client, calls } = recorder()
  await expect(restore(client, text, { clear: true })).rejects.toThrow('nothing was changed')
  expect(calls).toEqual([])
})

test('clear: the lines take the place of what is there', async () => {
  const { calls, client } = recorder()
  await restore(client, '-A -t 192.0.2.1:80\n--start-daemon master --mcast-interface eth1\n', { clear: true })
  expect(calls).toEqual(['stop', 'flush', 'add 192.0.2.1', 'start'])
})

test.each([
  ['--stop-daemon master', ['flush', 'stop']],
  ['--stop-daemon master\n--start-daemon master', ['flush', 'stop', 'start']],
  ['--start-daemon master\n--stop-daemon master', ['stop', 'flush', 'start', 'stop']],
])('clear: a daemon that the lines stop is not stopped before: %j', async (text, expected) => {
  const { calls, client } = recorder()
  expect((await restore(client, text, { clear: true })).faults).toEqual([])
  expect(calls).toEqual(expected)
})

test.each([
  ['--stop-daemon backup', 'no backup daemon is running'],
  ['--stop-daemon master\n--stop-daemon master', 'no master daemon is running'],
  ['--start-daemon master\n--start-daemon master', 'a master daemon runs already'],
])('clear: what is wrong about daemons is found all the same: %j', async (text, message) => {
  const { calls, client } = recorder()
  await expect(restore(client, text, { clear: true })).rejects.toThrow(message)
  expect(calls).toEqual([])
})

test.each([
  ['-a -t 192.0.2.2:80 -r 10.0.0.1 -y 5', 'lowerThreshold: 5 is above upperThreshold 0'],
  ['-a -t 192.0.2.2:80 -r 224.0.0.1', 'address: a real server needs a unicast address'],
  ['-a -t 192.0.2.2:80 -r 0.0.0.0', 'address: a real server needs a unicast address'],
  ['-A -t 192.0.2.3:80 -s abcdefghijklmnop', 'scheduler: expected 1..15 bytes'],
  ['-A -t 192.0.2.3:80 -p --pe abcdefghijklmnop', 'persistence.engine: expected 1..15 bytes'],
  ['-E -t 192.0.2.2:80 -s abcdefghijklmnop', 'scheduler: expected 1..15 bytes'],
  ['--start-daemon backup --mcast-group 224.1', '--mcast-group 224.1: not a multicast address'],
  ['--start-daemon backup --mcast-interface abcdefghijklmnop', 'interface: expected 1..15 bytes'],
])('a line that is wrong by itself is found before the table is emptied: %s', async (line, message) => {
  const { calls, client } = recorder()
  const text = `-A -t 192.0.2.2:80\n${line}\n`
  const error = await restore(client, text, { clear: true }).catch((reason) => reason)
  expect(error.faults).toEqual([{ line: 2, text: line, message: expect.stringContaining(message) }])
  expect(error).toMatchObject({
    name: 'RulesError',
    done: 0,
    message: expect.stringContaining('nothing was changed'),
  })
  expect(calls).toEqual([])
})

test('a daemon that does not stop leaves the table as it was, and is told', async () => {
  const { calls, client } = recorder((what) => what === 'stop')
  const text = '-A -t 192.0.2.1:80\n--start-daemon master\n'
  const error = await restore(client, text, { clear: true }).catch((reason) => reason)
  expect(error).toMatchObject({
    name: 'RulesError',
    done: 0,
    message: expect.stringMatching(/^delDaemon master daemon: .*ENOMEM\)\n0 of 2 lines were carried out$/),
    cause: { code: 'ENOMEM' },
  })
  expect(calls).toEqual(['stop'])
})

test('a table that cannot be emptied: which daemons were stopped is told', async () => {
  const { calls, client } = recorder((what) => what === 'flush')
  const error = await restore(client, '--start-daemon master\n', { clear: true }).catch((reason) => reason)
  expect(error.message).toMatch(/^flush: .*\n0 of 1 lines were carried out; stopped before: master daemon$/)
  expect(calls).toEqual(['stop', 'flush'])
})

test('when the signal aborts on the way, how far it came is told', async () => {
  const controller = new AbortController()
  const { calls, client } = recorder((what) => {
    if (what === 'add 10.0.0.100') controller.abort(new Error('enough'))
    return false
  })
  const text = manyServices(5000)
  const error = await restore(client, text, { clear: true, signal: controller.signal }).catch(
    (reason) => reason,
  )
  const done = calls.length - 1
  expect(done).toBe(512)
  expect(error).toMatchObject({
    name: 'RulesError',
    faults: [],
    done,
    message: `enough: ${done} of 5000 lines were carried out`,
    cause: { message: 'enough' },
  })
  const partial = await restore(client, text, { partial: true, signal: controller.signal }).catch(
    (reason) => reason,
  )
  expect(partial).toMatchObject({ message: 'enough' })
})

test('partial: good lines are carried out, the others told', async () => {
  const { calls, client } = recorder((what) => what === 'add 192.0.2.3')
  const text = '-A -t 192.0.2.2:80\n-A -t nonsense!:80\n-A -t 192.0.2.3:80\n-A -t 192.0.2.4:80\n'
  const { done, faults } = await restore(client, text, { partial: true })
  expect(done).toBe(2)
  expect(faults.map(({ line, message }) => `${line} ${message}`)).toEqual([
    expect.stringMatching(/^2 .*nonsense/),
    expect.stringMatching(/^3 newService 192\.0\.2\.3:80\/tcp: .*ENOMEM\)$/),
  ])
  expect(calls).toEqual(['add 192.0.2.2', 'add 192.0.2.3', 'add 192.0.2.4'])
})

test('a refusal that could not be foreseen ends it, and is told with how far it came', async () => {
  const { calls, client } = recorder((what) => what === 'add 10.0.0.100')
  const text = manyServices(5000)
  const error = await restore(client, text).catch((reason) => reason)
  expect(error.message).toMatch(
    /^line 101: newService 10\.0\.0\.100:80\/tcp: .* \(-A -t 10\.0\.0\.100:80\)\n511 of 5000 lines were carried out$/,
  )
  // As documented: 511 lines after one that is refused, at most.
  expect(calls.length).toBe(512)
  expect(error.done).toBe(511)
})

test('names of hosts are asked for, and the lines then read anew', async () => {
  const { calls, client } = recorder()
  await restore(client, '-A -t localhost:80\n-a -t localhost:80 -r 10.0.0.1\n--start-daemon master\n', {
    clear: true,
  })
  expect(calls).toEqual(['stop', 'flush', 'add 127.0.0.1', 'add 127.0.0.1 10.0.0.1', 'start'])
})

test('wrong arguments', async () => {
  const { client } = recorder()
  await expect(restore(client, 5 as never)).rejects.toThrow('text: expected a string')
  await expect(restore(client, '', { partail: true } as never)).rejects.toThrow('did you mean partial?')
  await expect(restore(client, '-A -t 192.0.2.2:80', { signal: AbortSignal.abort() })).rejects.toThrow(
    'abort',
  )
})
