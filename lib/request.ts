// Requests, operations of several requests, and whoever runs them: the terms that the client is written in.
// SPDX-License-Identifier: MIT

import type { Command, WireMessage } from './abi.js'
import { malformed } from './errors.js'
import { destinationName } from './model/destination.js'
import { serviceName } from './model/service.js'
import type { CallOptions } from './types.js'

/** One message to the kernel. */
export interface Request {
  /** What it asks for. */
  readonly command: Command
  /** Its attributes by the names of this library, as numbers and bytes (`lib/abi.ts`): for printing. */
  readonly body: WireMessage
  /** Asks for every object instead of one; answered by any number of replies. */
  readonly dump?: boolean
  /**
   * Readings with the same name in one step are made once and serve all who asked. Not for a reading that looks at
   * what a change before it in the same step did.
   * @internal
   */
  readonly share?: string | undefined
  /**
   * What is wanted of the replies, made while the kernel works on what follows; the outcome has it in their place.
   * @internal
   */
  readonly digest?: (replies: readonly WireMessage[]) => unknown
}

/** What became of a request: its decoded replies, or why it failed. */
export interface Outcome {
  readonly replies: readonly WireMessage[]
  readonly error: Error | undefined
  readonly digest?: unknown
}

/**
 * An operation of several exchanges: yields the requests of one exchange, is given their outcomes, returns its
 * result. Written once, driven by the asynchronous and the synchronous client alike.
 */
export type Task<T> = Generator<readonly Request[], T, readonly Outcome[]>

/** A task to run. One that changes what it has read names the object it holds: such tasks never overlap. */
export interface Operation<T> {
  readonly task: Task<T>
  /** What errors name when it cannot be started. */
  readonly command: Command
  readonly body: WireMessage
  readonly holds?: string
}

/** `make` is called at once, so that wrong arguments are found before anything is queued. */
export interface Runner {
  call<T>(
    make: () => Request,
    result: (replies: readonly WireMessage[]) => T,
    options?: CallOptions,
  ): Promise<T>
  run<T>(make: () => Operation<T>, options?: CallOptions): Promise<T>
}

/** The same verbs, each returning what the asynchronous one promises, and throwing where that rejects. */
export type Sync<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer A) => Promise<infer R>
    ? (...args: A) => R
    : T[K] extends object
      ? Sync<T[K]>
      : T[K]
}

/** What a request is about, in a word or two. */
export const subjectOf = ({ service, destination, daemon }: WireMessage): string | undefined => {
  if (service !== undefined) {
    const name = serviceName(service)
    return destination === undefined
      ? name
      : `${destinationName(destination, service.family ?? 0)} of ${name}`
  }
  if (daemon !== undefined) return `${daemon.state === 1 ? 'master' : 'backup'} daemon`
  return undefined
}

/** The replies of an outcome, or its error thrown. */
export const repliesOf = (outcome: Outcome | undefined): readonly WireMessage[] => {
  if (outcome?.error !== undefined) throw outcome.error
  return outcome?.replies ?? []
}

/** The digest of an outcome, or its error thrown. The request says of which type it is. */
export const digestOf = <T>(outcome: Outcome | undefined): T => {
  if (outcome?.error !== undefined) throw outcome.error
  return outcome?.digest as T
}

/** The part of the only reply that a reading is about. */
export const part = <K extends keyof WireMessage>(
  { command }: Pick<Request, 'command'>,
  replies: readonly WireMessage[],
  name: K,
): NonNullable<WireMessage[K]> => {
  const found = replies[0]?.[name]
  if (found === undefined || found === null) throw malformed(command, `the reply has no ${name}`)
  return found
}

export const nothing = (): void => undefined
