// The moment between the last new client of a quiesced server and its deletion.
// SPDX-License-Identifier: MIT

import { setTimeout } from 'node:timers/promises'
import type { Director } from '../director.js'
import { Current } from './current.js'
import { nameOfServer, nameOfService } from './table.js'
import type { PlannedChange } from './types.js'

/** Milliseconds between looks, growing by half each time. */
const FIRST_PAUSE = 10
const LONGEST_PAUSE = 500

/**
 * Waits until quiesced servers that are about to be deleted have no active connections, at most `grace` milliseconds.
 * Sooner when the signal aborts or they cannot be read: the deletion will tell. The others get new connections all the
 * time, which is not worth waiting for.
 */
export const settleConnections = async (
  director: Pick<Director, 'services' | 'destinations'>,
  deletions: readonly PlannedChange[],
  grace: number,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const end = performance.now() + grace
  let waiting: readonly PlannedChange[] = deletions.filter(
    ({ before }) => before !== null && 'weight' in before && before.weight === 0,
  )
  for (let pause = FIRST_PAUSE; performance.now() < end; pause = Math.min(pause * 1.5, LONGEST_PAUSE)) {
    try {
      waiting = await busy(director, waiting, signal)
      if (waiting.length === 0) return
      await setTimeout(Math.min(pause, Math.max(0, end - performance.now())), undefined, { signal })
    } catch {
      return
    }
  }
}

const busy = async (
  director: Pick<Director, 'services' | 'destinations'>,
  deletions: readonly PlannedChange[],
  signal: AbortSignal | undefined,
): Promise<readonly PlannedChange[]> => {
  const current = new Current(director, { signal })
  const found = new Set<string>()
  const services = new Map(deletions.map(({ service }) => [nameOfService(service), service]))
  const lists = await Promise.all(
    [...services].map(async ([name, service]) => [name, await current.servers(service)] as const),
  )
  for (const [name, servers] of lists) {
    for (const [server, { activeConns }] of servers ?? [])
      if (activeConns > 0) found.add(`${server} of ${name}`)
  }
  return deletions.filter(
    (change) =>
      'destination' in change &&
      found.has(`${nameOfServer(change.service, change.destination)} of ${nameOfService(change.service)}`),
  )
}
