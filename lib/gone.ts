// Errors that tell of something that is not there, or no longer.
// SPDX-License-Identifier: MIT

import { IpvsError, type Reason } from './errors.js'

export const isReason = (error: unknown, ...reasons: readonly Reason[]): boolean =>
  error instanceof IpvsError && reasons.includes(error.reason)

/** What a call answers; undefined where service or real server are not there. */
export const unlessGone = async <T>(call: Promise<T>): Promise<T | undefined> => {
  try {
    return await call
  } catch (error) {
    if (isReason(error, 'no-such-service', 'no-such-destination')) return undefined
    throw error
  }
}
