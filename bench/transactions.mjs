// What part of a call passes in the native transaction: the kernel, and the copying to and from it.
// SPDX-License-Identifier: MIT
import { tracingChannel } from 'node:diagnostics_channel'

/**
 * Milliseconds of each transaction of the synchronous client while `body` runs. Watching costs, and while somebody watches
 * the replies come in a Buffer of their own.
 */
export function transactionsOf(body) {
  const channel = tracingChannel('ipvs:transaction')
  const list = []
  let began = 0
  const start = () => {
    began = performance.now()
  }
  const end = () => list.push(performance.now() - began)
  channel.subscribe({ start, end })
  body()
  channel.unsubscribe({ start, end })
  return list
}
