// The contract between the IPVS in memory and the kernel's: cases that run on either, and what is recorded of each.
// SPDX-License-Identifier: MIT

import { expect } from 'vitest'
import type { Command, WireMessage } from '../../lib/abi.ts'
import { Channel, type OpenOptions } from '../../lib/channel.ts'
import type { Ipvs, IpvsSync, Snapshot } from '../../lib/index.ts'
import { openOver } from '../../lib/ipvs.ts'
import type { OpenSocket } from '../../lib/netlink/socket.ts'
import { Queue } from '../../lib/queue.ts'
import { openSyncOver } from '../../lib/sync.ts'

/** The clients that a case is given: on the same table, which is empty. */
export interface Subject {
  readonly ipvs: Ipvs
  readonly sync: IpvsSync
  /** A request as it is written here, past all checks of the client. */
  raw(command: Command, body: WireMessage, dump?: boolean): Promise<readonly WireMessage[]>
  close(): Promise<void>
}

/** What became of a case: what it returned or threw, and what it left behind. */
export interface Outcome {
  readonly value?: unknown
  readonly error?: object
  readonly left: object
}

export interface Case {
  readonly name: string
  readonly run: (subject: Subject) => unknown
  /** Fails where the outcome is not what it must be on any kernel. */
  readonly check: (outcome: Outcome) => void
}

export const subjectOver = async (opener: OpenSocket, options: OpenOptions = {}): Promise<Subject> => {
  const ipvs = await openOver(opener, options)
  const sync = openSyncOver(opener, options)
  const queue = new Queue(await Channel.open(options, opener))
  return {
    ipvs,
    sync,
    raw: (command, body, dump = false) =>
      queue.call(
        () => ({ command, body, dump }),
        (replies) => replies,
      ),
    close: async () => {
      sync.close()
      await Promise.all([ipvs.close(), queue.close()])
    },
  }
}

/** Everything that an error tells. */
export const told = (error: unknown): object =>
  error instanceof Error ? { type: error.constructor.name, text: error.message, ...error } : { error }

/** What a call came to, for cases in which it is expected to fail. */
export const settled = async (call: () => unknown): Promise<object> => {
  try {
    return { value: await call() }
  } catch (error) {
    return { error: told(error) }
  }
}

/** The kernel's order of services is nobody's. */
const sorted = ({ services, stable }: Snapshot) => ({
  stable,
  services: services.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)),
})

const nameOf = ({ protocol, address, port, fwmark, family }: Snapshot['services'][number]): string =>
  [protocol, address, port, fwmark, family].join(' ')

/** Everything that can be read of a table. */
const readingOf = ({ sync }: Subject) => ({
  table: sorted(sync.snapshot()),
  daemons: sync.daemons.list(),
  timeouts: sync.timeouts(),
})

export const outcomeOf = async ({ run }: Pick<Case, 'run'>, subject: Subject): Promise<Outcome> => ({
  ...(await settled(() => run(subject))),
  left: readingOf(subject),
})

/** A case that comes to a value, of which these parts are named. */
export const gives = (name: string, run: Case['run'], value: unknown): Case => ({
  name,
  run,
  check(outcome) {
    expect(outcome.error).toBeUndefined()
    if (typeof value === 'object' && value !== null) expect(outcome.value).toMatchObject(value)
    else expect(outcome.value).toEqual(value)
  },
})

/** A case that the kernel refuses. What `given` made is still there, and nothing else. */
export const refused = (
  name: string,
  given: Case['run'],
  run: Case['run'],
  code: string,
  reason: string,
): Case => ({
  name: `${name}: ${code}`,
  run: async (subject) => {
    await given(subject)
    return { before: readingOf(subject), became: await settled(() => run(subject)) }
  },
  check({ value, left }) {
    expect(value).toMatchObject({ became: { error: { type: 'IpvsError', code, reason } } })
    expect(left).toEqual((value as { readonly before: object }).before)
  },
})

export const nothing = (): void => undefined
export const web = { protocol: 'tcp', address: '192.0.2.10', port: 80 } as const
export const dns6 = { protocol: 'udp', address: '2001:db8::10', port: 53 } as const
export const mark = { fwmark: 7 } as const
export const absent = { protocol: 'tcp', address: '192.0.2.99', port: 80 } as const
export const real = { address: '10.0.0.1', port: 80 } as const

/** The service `web` with the real server `real`. */
export const webWithReal = async ({ ipvs }: Subject): Promise<void> => {
  await Promise.all([
    ipvs.services.add({ ...web, scheduler: 'wrr' }),
    ipvs.destinations.add(web, { ...real, forwarding: 'masquerading', weight: 3 }),
  ])
}

export const justWeb = ({ ipvs }: Subject): Promise<void> => ipvs.services.add({ ...web, scheduler: 'wrr' })
