// Small files as a network namespace has them, /proc/sys/net and /proc/thread-self/net: read and written inside it.
// SPDX-License-Identifier: MIT

import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs'
import { constants as system } from 'node:os'
import { openFile } from './netlink/file.js'
import type { NetworkNamespace } from './netlink/socket.js'

/** Where something is read or set. */
export interface Where {
  /** Default: the network namespace that this process is in. Another one needs CAP_SYS_ADMIN. */
  readonly netns?: NetworkNamespace | undefined
}

const names = new Map(Object.entries(system.errno).map(([name, errno]) => [errno, name]))

/** O_NONBLOCK: a path may name a FIFO that nobody writes to. */
const open = (path: string, flags: number, { netns }: Where): number =>
  netns === undefined
    ? openSync(path, flags | constants.O_NONBLOCK)
    : openFile(netns, path, flags | constants.O_NONBLOCK)

/** Of the addon's errors, as of Node's own, `code`, and what it is about. */
const explain = (error: unknown, { netns }: Where, doing: string): Error => {
  const { errno, syscall } = error as { readonly errno?: unknown; readonly syscall?: string }
  if (typeof errno !== 'number') return error as Error
  const number = Math.abs(errno)
  const code = names.get(number) ?? `errno ${number}`
  const message = isOfNamespace(error, netns)
    ? `cannot enter the network namespace ${netns} (${syscall}: ${code})`
    : `${doing}: ${code}`
  return Object.assign(new Error(message, { cause: error }), { code, errno: -number, syscall })
}

const isOfNamespace = (error: unknown, netns: NetworkNamespace | undefined): boolean =>
  netns !== undefined && ['open', 'setns'].includes((error as { syscall?: string }).syscall ?? '')

/**
 * The kernel shows the sysctls of the namespace in which the thread is that opens the file, so the calling thread goes
 * there and comes back before this returns: some microseconds a file. Of each path its text, or undefined where there
 * is no such file or it cannot be read.
 * @throws Error with code and errno when the namespace cannot be entered.
 */
export const readFiles = (paths: readonly string[], where: Where = {}): (string | undefined)[] =>
  paths.map((path) => {
    try {
      const fd = open(path, constants.O_RDONLY, where)
      try {
        return readFileSync(fd, 'utf8')
      } finally {
        closeSync(fd)
      }
    } catch (error) {
      if (isOfNamespace(error, where.netns)) throw explain(error, where, '')
      return undefined
    }
  })

/**
 * Writes a file that is there, in one write.
 * @throws Error with code and errno: EACCES or EPERM, EINVAL where the kernel refuses the value, ENOENT.
 */
export const writeFile = (path: string, text: string, where: Where = {}): void => {
  try {
    const fd = open(path, constants.O_WRONLY, where)
    try {
      writeSync(fd, text)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    throw explain(error, where, `cannot write ${path}`)
  }
}
