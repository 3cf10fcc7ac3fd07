// What schedulers make of a quiesced server.
// SPDX-License-Identifier: MIT

import type { ServiceStatus } from './types.js'

/**
 * True where new clients that hash to a server of weight 0 are refused for as long as it is in the table: these go by
 * the hash alone. `fallback` makes sh and mh look further, also where it is written `flag-1`; dh has no such flag.
 * (ip_vs_sh.c, ip_vs_mh.c, ip_vs_dh.c)
 */
export const refusesQuiesced = ({
  scheduler,
  schedulerFlags,
}: Pick<ServiceStatus, 'scheduler' | 'schedulerFlags'>): boolean =>
  scheduler === 'dh' ||
  (['sh', 'mh'].includes(scheduler) &&
    !schedulerFlags.some((flag) => flag === 'fallback' || flag === 'flag-1'))
