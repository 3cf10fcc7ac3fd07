// Small files as a network namespace has them, /proc/sys/net and /proc/thread-self/net: read and written inside it.
// SPDX-License-Identifier: MIT

import { constants } from 'node:os'
import { addon } from './addon.js'
import type { NetworkNamespace } from './netlink/socket.js'

/** Where something is read or set. */
export interface Where {
  /** Default: the network namespace that this process is in. Another one needs CAP_SYS_ADMIN. */
  readonly netns?: NetworkNamespace | undefined
}

const names = new Map(Object.entries(constants.errno).map(([name, errno]) => [errno, name]))

const explain = (error: unknown, what: string): Error => {
  const { errno, syscall } = error as { readonly errno?: unknown; readonly syscall?: string }
  if (typeof errno !== 'number') return error as Error
  const code = names.get(errno) ?? `errno ${errno}`
  const message =
    syscall === 'setns' || what === ''
      ? `cannot enter the network namespace (${syscall}: ${code})`
      : `${what}: ${code}`
  return Object.assign(new Error(message, { cause: error }), { code, errno: -errno, syscall })
}

/**
 * The kernel shows the sysctls of the namespace in which the thread is that opens the file, so the calling thread goes
 * there and comes back before this returns: some microseconds a file. Of each path its text, or undefined where there
 * is no such file or it cannot be read.
 * @throws Error with code and errno when the namespace cannot be entered.
 */
export const readFiles = (paths: readonly string[], { netns }: Where = {}): (string | undefined)[] => {
  try {
    return addon()
      .readFiles(netns ?? null, paths)
      .map((text) => (typeof text === 'string' ? text : undefined))
  } catch (error) {
    throw explain(error, '')
  }
}

/**
 * Writes a file that is there, in one write.
 * @throws Error with code and errno: EACCES or EPERM, EINVAL where the kernel refuses the value, ENOENT.
 */
export const writeFile = (path: string, text: string, { netns }: Where = {}): void => {
  try {
    addon().writeFile(netns ?? null, path, text)
  } catch (error) {
    throw explain(error, `cannot write ${path}`)
  }
}
