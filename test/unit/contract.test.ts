// The contract on the IPVS in memory, and on some with a bug; test/kernel/contract.test.ts has the kernel's beside it.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import { commands } from '../../lib/abi.ts'
import { errnos } from '../../lib/errno.ts'
import { GENERIC_HEADER, HEADER } from '../../lib/netlink/message.ts'
import type { Socket } from '../../lib/netlink/socket.ts'
import { attributesIn } from '../../lib/testing/attributes.ts'
import { behaviourOf } from '../../lib/testing/options.ts'
import { MemorySocket } from '../../lib/testing/socket.ts'
import { outcomeOf, subjectOver } from '../contract/case.ts'
import { cases } from '../contract/cases.ts'

const memory = (): Socket => new MemorySocket(behaviourOf({}, () => undefined))

test.each(cases)('$name', async (one) => {
  const socket = memory()
  const subject = await subjectOver(() => socket)
  one.check(await outcomeOf(one, subject))
  await subject.close()
})

test('there are as many cases as that, and none twice', () => {
  const names = new Set(cases.map(({ name }) => name))
  expect(names.size).toBe(cases.length)
  expect(names.size).toBeGreaterThanOrEqual(250)
})

/** The messages of a buffer, as views that can be written to. */
const messagesIn = (bytes: Uint8Array): Buffer[] => {
  const found: Buffer[] = []
  for (let at = 0; at < bytes.length; at += (found.at(-1)!.length + 3) & ~3) {
    const length = Buffer.from(bytes.buffer, bytes.byteOffset + at).readUInt32LE(0)
    found.push(Buffer.from(bytes.buffer, bytes.byteOffset + at, length))
  }
  return found
}

const SERVICE = 1
const DESTINATION = 2
const NLMSG_ERROR = 2

/** The payload of a nested attribute in messages of a command. */
const nested = (messages: readonly Buffer[], command: number, set: number, id: number): Buffer[] =>
  messages
    .filter((message) => message.readUInt16LE(4) > NLMSG_ERROR && message[HEADER] === command)
    .flatMap((message) => {
      const outer = attributesIn(message.subarray(HEADER + GENERIC_HEADER)).get(set)
      const inner = outer && attributesIn(outer).get(id)
      return inner === undefined ? [] : [Buffer.from(inner.buffer, inner.byteOffset, inner.length)]
    })

const errors = (messages: readonly Buffer[], from: number, to: number): void => {
  for (const message of messages) {
    if (message.readUInt16LE(4) === NLMSG_ERROR && message.readInt32LE(HEADER) === -from)
      message.writeInt32LE(-to, HEADER)
  }
}

interface Bug {
  readonly name: string
  /** Changes the messages of a request, or of its replies, in place. */
  readonly request?: (messages: readonly Buffer[]) => void
  readonly replies?: (messages: readonly Buffer[]) => void
}

const { newService, setService, newDest } = commands

const bugs: readonly Bug[] = [
  { name: 'what exists is added without a word', replies: (all) => errors(all, errnos.EEXIST, 0) },
  { name: 'ENOENT for a missing service', replies: (all) => errors(all, errnos.ESRCH, errnos.ENOENT) },
  { name: 'EINVAL where it is ERANGE', replies: (all) => errors(all, errnos.ERANGE, errnos.EINVAL) },
  {
    name: 'weights of 16 bits',
    request: (all) => {
      for (const weight of nested(all, newDest, DESTINATION, 4)) weight.fill(0, 2)
    },
  },
  {
    name: 'the flag HASHED is left out',
    replies: (all) => {
      for (const flags of nested(all, newService, SERVICE, 7)) flags[0]! &= ~2
    },
  },
  {
    name: 'a change of a service loses the engine',
    request: (all) => {
      for (const engine of nested(all, setService, SERVICE, 11)) engine.fill(0)
    },
  },
  {
    name: 'a lower threshold of 0 is filled in',
    replies: (all) => {
      const uppers = nested(all, newDest, DESTINATION, 5)
      for (const [i, lower] of nested(all, newDest, DESTINATION, 6).entries())
        lower.writeUInt32LE(lower.readUInt32LE() || Math.floor((uppers[i]!.readUInt32LE() * 3) / 4))
    },
  },
  {
    name: 'the port of a tunnel in the wrong order',
    replies: (all) => {
      for (const port of nested(all, newDest, DESTINATION, 14)) port.reverse()
    },
  },
  {
    name: 'real servers oldest first',
    replies: (all) => {
      const addresses = nested(all, newDest, DESTINATION, 1)
      const reversed = addresses.map((address) => Buffer.from(address)).reverse()
      for (const [i, address] of addresses.entries()) reversed[i]!.copy(address)
    },
  },
]

const withBug = (bug: Bug): Socket => {
  const socket = memory()
  const change = (request: Uint8Array): Uint8Array => {
    bug.request?.(messagesIn(request))
    const replies = socket.transactSync(request, 0, 0)
    bug.replies?.(messagesIn(replies))
    return replies
  }
  return {
    transact: async (request) => change(request),
    transactSync: (request: Uint8Array) => change(request),
    close: () => undefined,
  }
}

test.each(bugs)('a planted bug is caught: $name', async (bug) => {
  const caught: string[] = []
  for (const one of cases) {
    const socket = withBug(bug)
    const subject = await subjectOver(() => socket)
    try {
      one.check(await outcomeOf(one, subject))
    } catch {
      caught.push(one.name)
    }
    await subject.close()
    if (caught.length > 0) break
  }
  expect(caught.length).toBe(1)
})
