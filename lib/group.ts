// A group of tasks that advance together: the requests of all their current steps share one exchange.
// SPDX-License-Identifier: MIT

import { Batch } from './batch.js'
import type { Operation, Outcome, Request } from './request.js'

export interface Member extends Operation<unknown> {
  readonly signal: AbortSignal | undefined
  readonly resolve: (value: unknown) => void
  readonly reject: (reason: unknown) => void
}

/** A member and what its task comes to. */
export const memberOf = <T>(
  operation: Operation<T>,
  signal: AbortSignal | undefined,
): { readonly member: Member; readonly value: Promise<T> } => {
  let settle!: Pick<Member, 'resolve' | 'reject'>
  const value = new Promise<T>((resolve, reject) => {
    settle = { resolve: resolve as (value: unknown) => void, reject }
  })
  return { member: { ...operation, ...settle, signal }, value }
}

/**
 * Either readers, or editors of different objects: then reading all before writing any changes nothing that one
 * of them could notice. A thousand edits cost two exchanges.
 */
export class Group {
  readonly #members: Member[] = []
  readonly #edits: boolean
  readonly #held = new Set<string>()
  #begun = false

  constructor(edits: boolean) {
    this.#edits = edits
  }

  admits(holds: string | undefined): boolean {
    return this.#edits ? holds !== undefined && !this.#held.has(holds) : holds === undefined
  }

  add(member: Member): void {
    if (member.holds !== undefined) this.#held.add(member.holds)
    this.#members.push(member)
  }

  /** Takes a member out again; false when it has begun. */
  drop(member: Member): boolean {
    if (this.#begun) return false
    const index = this.#members.indexOf(member)
    if (index >= 0) this.#members.splice(index, 1)
    return index >= 0
  }

  async run(exchange: (batch: Batch) => Promise<void>): Promise<void> {
    this.#begun = true
    let active = this.#members.map((member) => ({ member, requests: advance(member, []) }))
    for (;;) {
      active = active.filter(({ requests }) => requests !== undefined)
      if (active.length === 0) return
      const { batches, outcomes } = gather(active.map(({ requests }) => requests ?? []))
      await exchangeAll(batches, exchange)
      const told = outcomes()
      active = active.map(({ member }, i) => ({ member, requests: advance(member, told[i] ?? []) }))
    }
  }
}

/** One after the other; the kernel works on the next while this thread decodes the replies to the one before. */
const exchangeAll = async (
  batches: readonly Batch[],
  exchange: (batch: Batch) => Promise<void>,
): Promise<void> => {
  let before: Batch | undefined
  for (const batch of batches) {
    const exchanged = exchange(batch)
    before?.decode()
    await exchanged
    before = batch
  }
}

/** Runs a task to its next exchange; settles it, and returns nothing, when it came to its end or is aborted. */
const advance = (
  { task, resolve, reject, signal }: Member,
  outcomes: readonly Outcome[],
): readonly Request[] | undefined => {
  try {
    const step = task.next(outcomes)
    if (step.done) {
      resolve(step.value)
    } else if (signal?.aborted) {
      task.return(undefined) // after a reading, before the write that was to follow
      reject(signal.reason)
    } else {
      return step.value
    }
  } catch (error) {
    reject(error)
  }
  return undefined
}

/**
 * Encodes the requests of one step; `outcomes` may be asked for, once, when every batch was exchanged. Readings that
 * share a name are made once. Dumps of services go by themselves, through the socket with the large buffer.
 */
export const gather = (
  lists: readonly (readonly Request[])[],
): { readonly batches: readonly Batch[]; readonly outcomes: () => readonly (readonly Outcome[])[] } => {
  const batches: Batch[] = []
  const shared = new Map<string, () => Outcome>()
  const takers = lists.map((requests) =>
    requests.map((request) => {
      const known = request.share === undefined ? undefined : shared.get(request.share)
      if (known !== undefined) return known
      const batch = batchFor(batches, request)
      const place = batch.add(request)
      if (request.share === undefined) return () => batch.outcome(place)
      const take = once(() => batch.outcome(place))
      shared.set(request.share, take)
      return take
    }),
  )
  return { batches, outcomes: () => takers.map((list) => list.map((take) => take())) }
}

const once = <T>(make: () => T): (() => T) => {
  let value: T | undefined
  return () => {
    value ??= make()
    return value
  }
}

const batchFor = (batches: Batch[], { command, dump }: Request): Batch => {
  const wide = command === 'getService' && dump === true
  const open = batches.findLast((batch) => batch.wide === wide && !batch.full)
  if (open !== undefined) return open
  const batch = new Batch(wide)
  batches.push(batch)
  return batch
}
