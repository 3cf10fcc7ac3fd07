// The contract on the real kernel and, beside it, in memory: the same outcomes, and the same bytes on the sockets.
// SPDX-License-Identifier: MIT

import { execFileSync } from 'node:child_process'
import { inspect } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { IpvsSync } from '../../lib/index.ts'
import { openSocket } from '../../lib/netlink/socket.ts'
import { behaviourOf, type MemoryOptions } from '../../lib/testing/options.ts'
import { MemorySocket } from '../../lib/testing/socket.ts'
import { type Case, outcomeOf, real, refused, type Subject, subjectOver, web } from '../contract/case.ts'
import { groups } from '../contract/cases.ts'
import { expectSame, Recorder } from '../contract/transcript.ts'
import { Namespace, namespace } from './namespace.ts'

/** One for all cases: to make one takes longer than most cases. The table is cleared after each. */
const netns = new Namespace()
const recorder = new Recorder()
let kernel: Subject
let cleaner: IpvsSync
let options: MemoryOptions

beforeAll(async () => {
  execFileSync('ip', ['netns', 'add', netns.name])
  const commands = [
    'link set lo up',
    'link add eth0 type dummy',
    'address add 198.51.100.1/24 dev eth0',
    'link set eth0 up',
  ]
  for (const words of commands) execFileSync('ip', ['-n', netns.name, ...words.split(' ')])
  kernel = await subjectOver(recorder.over(openSocket), { netns: netns.path })
  cleaner = IpvsSync.open({ netns: netns.path })
  options = { connectionTableSize: cleaner.info().connectionTableSize }
})

afterAll(async () => {
  cleaner.close()
  await kernel.close()
  execFileSync('ip', ['netns', 'delete', netns.name])
})

const clean = (): void => {
  cleaner.flush()
  for (const { state } of cleaner.daemons.list()) cleaner.daemons.stop(state)
  cleaner.setTimeouts({ tcp: 900, tcpFin: 120, udp: 300 })
}

const inMemory = (given: MemoryOptions): Promise<Subject> => {
  const socket = new MemorySocket(behaviourOf(given, () => undefined))
  return subjectOver(recorder.over(() => socket))
}

/** The same case on both; neither may know of the other. */
const compare = async (one: Case, subject: Subject, given: MemoryOptions): Promise<void> => {
  recorder.take()
  const there = await outcomeOf(one, subject)
  const went = recorder.take()
  const memory = await inMemory(given)
  const here = await outcomeOf(one, memory)
  const goes = recorder.take()
  await memory.close()
  one.check(there)
  one.check(here)
  expect(here).toEqual(there)
  expect(went.length).toBeGreaterThan(0)
  expectSame(goes, went)
}

/** All cases in a few tests: a test of its own for each would take longer than the case. */
test.each(Object.entries(groups))('%s', async (_, cases) => {
  const different: string[] = []
  for (const one of cases) {
    await compare(one, kernel, options).catch((error: Error & { actual?: unknown; expected?: unknown }) => {
      const { actual, expected } = error
      different.push(`${one.name}: ${error}\n${inspect({ here: actual, there: expected }, { depth: 9 })}`)
    })
    clean()
  }
  expect(different).toEqual([])
  expect(cases.length).toBeGreaterThan(30)
})

test('with lo down', async () => {
  const down = await subjectOver(recorder.over(openSocket), { netns: namespace({ up: false }).path })
  const one = refused(
    'a real server while lo was never up',
    ({ ipvs }) => ipvs.services.add(web),
    ({ ipvs }) => ipvs.destinations.add(web, real),
    'EINVAL',
    'invalid',
  )
  await compare(one, down, { ...options, loopback: false })
  await down.close()
})
