// What is written to the kernel, counted at the client's diagnostics channel.
// SPDX-License-Identifier: MIT

import { tracingChannel } from 'node:diagnostics_channel'
import type { TransactionContext } from '../../lib/index.ts'

const reading: ReadonlySet<string> = new Set(['getService', 'getDest', 'getDaemon', 'getConfig', 'getInfo'])

/** The commands that change something, of all that `action` makes clients of this process send. */
export const writesOf = async <T>(
  action: () => Promise<T>,
): Promise<{ result: T; writes: readonly string[] }> => {
  const writes: string[] = []
  const note = (context: unknown): void => {
    const { requests } = context as TransactionContext
    writes.push(...requests.map(({ command }) => command).filter((command) => !reading.has(command)))
  }
  const channel = tracingChannel('ipvs:transaction')
  channel.start.subscribe(note)
  try {
    return { result: await action(), writes }
  } finally {
    channel.start.unsubscribe(note)
  }
}
