// Save: the table of a director as text that restore() reads.
// SPDX-License-Identifier: MIT

import type { Director } from './director.js'
import { formatRules } from './text/format.js'
import type { CallOptions } from './types.js'

/**
 * Reads the table, the timeouts and the daemons, and writes them as formatRules() does: lines of `ipvsadm -S`, with
 * thresholds, timeouts and daemons, which ipvsadm leaves out though it reads them.
 * @throws IpvsError as any call does; Error when the table would not hold still.
 */
export const save = async (client: Director, options?: CallOptions): Promise<string> => {
  const [{ services, stable }, timeouts, daemons] = await Promise.all([
    client.snapshot(options),
    client.timeouts(options),
    client.daemons.list(options),
  ])
  if (!stable) throw new Error('not saved: the table kept changing while it was read')
  return formatRules({ services, timeouts, daemons })
}
