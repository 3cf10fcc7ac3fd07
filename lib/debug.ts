// DEBUG=ipvs: prints each transaction to standard error, decoded by the same table that the client uses.
// SPDX-License-Identifier: MIT

import { tracingChannel } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import { attributesOf, commandName } from './abi.js'
import type { TransactionContext } from './channel.js'
import { type Reply, walk } from './netlink/message.js'
import { subjectOf } from './request.js'

const wanted = (process.env.DEBUG ?? '')
  .split(/[\s,]+/)
  .some((name) => name === 'ipvs' || name === 'ipvs:*' || name === '*')
let printing = false

/** Starts printing, once, where the environment asks for it. */
export const printTransactions = (): void => {
  if (!wanted || printing) return
  printing = true
  tracingChannel<unknown, TransactionContext>('ipvs:transaction').subscribe({
    start: printRequests,
    end: printReplies, // of the synchronous client; else there is no result yet
    asyncEnd: printReplies,
    asyncStart: () => undefined,
    error: ({ error }) => print('!', String(error)),
  })
}

const print = (mark: string, text: string): void => {
  process.stderr.write(`ipvs ${mark} ${text}\n`)
}

const compact = (value: object): string =>
  inspect(Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)), {
    breakLength: Infinity,
    depth: 4,
    compact: true,
  })

const printRequests = ({ requests }: TransactionContext): void => {
  if (requests.length === 0) print('>', 'the number of the family IPVS')
  for (const { command, body, dump } of requests) {
    print('>', `${command}${dump ? ' (dump)' : ''} ${subjectOf(body) ?? ''} ${compact(body)}`)
  }
}

const printReplies = ({ requests, result }: TransactionContext): void => {
  // The controller's reply about the family is none of IPVS's attributes.
  if (!(result instanceof Uint8Array) || requests.length === 0) return
  try {
    walk(result, printReply)
  } catch (error) {
    print('!', String(error)) // a subscriber must not throw; the client will say so, too
  }
}

const printReply = (reply: Reply, view: DataView): void => {
  if (reply.kind === 'end') {
    const outcome = reply.errno === 0 ? 'done' : `error ${reply.errno}`
    print('<', `#${reply.sequence} ${outcome} ${reply.extendedAck?.message ?? ''}`)
  } else {
    const body = attributesOf(reply.command).read(view, reply.offset, reply.length)
    print('<', `#${reply.sequence} ${commandName(reply.command) ?? reply.command} ${compact(body)}`)
  }
}
