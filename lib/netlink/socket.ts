// A netlink socket as the client sees it, and the native one.
// SPDX-License-Identifier: MIT

import { addon } from '../addon.js'

/** A network namespace: a path such as /run/netns/NAME or /proc/PID/ns/net, or an open descriptor of one. */
export type NetworkNamespace = string | number

/**
 * Moves framed requests and their replies; knows no attribute. A message with NLM_F_ACK or NLM_F_DUMP ends a
 * chunk: everything up to it goes out in one sendmsg, and the next chunk waits for its last reply.
 */
export interface Socket {
  /**
   * Runs on the thread pool, after those before it. `deadline` is in milliseconds and holds for each chunk. Not
   * beside transactSync().
   */
  transact(request: Uint8Array, count: number, deadline: number): Promise<Uint8Array>
  transactSync(request: Uint8Array, count: number, deadline: number): Uint8Array
  /** Where the replies fit `into`, they are written there and their length is returned. */
  transactSync(request: Uint8Array, count: number, deadline: number, into: Uint8Array): Uint8Array | number
  close(): void
}

/** What a socket throws: how far the exchange came, and which replies did arrive. */
export interface TransportError extends Error {
  /** Positive errno. */
  readonly errno: number
  readonly syscall: string
  /** Messages that were handed to the kernel. */
  readonly sent?: number
  readonly replies?: Uint8Array
  /** The replies did come, but broken from some point on: after it, silence tells nothing. */
  readonly unreadable?: boolean
}

export const isTransportError = (error: unknown): error is TransportError =>
  typeof error === 'object' && error !== null && 'errno' in error && 'syscall' in error

/** Protocols of netlink, <linux/netlink.h>. */
export const NETLINK_ROUTE = 0
const NETLINK_GENERIC = 16

/** Opens a socket; `receiveSize` bounds dump chunks, 0 takes the smallest the kernel makes (one page). */
export type OpenSocket = (
  netns: NetworkNamespace | undefined,
  receiveSize: number,
  protocol?: number,
) => Socket

/** The kernel's. */
export const openSocket: OpenSocket = (netns, receiveSize, protocol = NETLINK_GENERIC) =>
  new (addon().Socket)(netns ?? null, receiveSize, protocol)
