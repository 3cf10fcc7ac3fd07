// Waiting for a promise, but not without end.
// SPDX-License-Identifier: MIT

const LONGEST_TIMER = 0x7fffffff

/** True when the promise was settled within so many milliseconds; it goes on by itself otherwise. */
export const settlesWithin = async (promise: Promise<unknown>, milliseconds: number): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    // After a long block of the event loop the promise may be about to settle: let it be seen first.
    timer = setTimeout(() => setImmediate(resolve, false), Math.min(milliseconds, LONGEST_TIMER))
  })
  const settled = promise.then(
    () => true,
    () => true,
  )
  const inTime = await Promise.race([settled, late])
  clearTimeout(timer)
  return inTime
}
