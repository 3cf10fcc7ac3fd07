// A file under /proc/net or /proc/sys/net as it is in another network namespace.
// SPDX-License-Identifier: MIT

import { addon } from '../addon.js'
import type { NetworkNamespace } from './socket.js'

/**
 * A descriptor, to be closed by the caller, that may be read and written from anywhere. `path` begins with
 * /proc/thread-self/net/ or /proc/sys/net/; `flags` are those of fs.constants. Needs CAP_SYS_ADMIN.
 * @throws Error with positive `errno` and `syscall`, as sockets do: openat of the file; open or setns of the namespace.
 */
export const openFile = (netns: NetworkNamespace, path: string, flags: number): number =>
  addon().openFile(netns, path, flags)
