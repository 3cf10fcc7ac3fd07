// What part of a call passes in the native transaction: the kernel, and the copying to and from it.
// SPDX-License-Identifier: MIT
import { openSocket } from '../dist/netlink/socket.js'

/** Milliseconds of each transaction of synchronous clients while `body` runs. */
export function transactionsOf(body) {
  const socket = openSocket(undefined, 0)
  const prototype = Object.getPrototypeOf(socket)
  const { transactSync } = prototype
  const list = []
  prototype.transactSync = function (...args) {
    const began = performance.now()
    const replies = transactSync.apply(this, args)
    list.push(performance.now() - began)
    return replies
  }
  try {
    body()
  } finally {
    prototype.transactSync = transactSync
    socket.close()
  }
  return list
}
