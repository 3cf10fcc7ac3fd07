// Counting tests over several runners.
// SPDX-License-Identifier: MIT

export const noCounts = { passed: 0, failed: 0, skipped: 0, reasons: [] }
export const passed = () => ({ ...noCounts, passed: 1 })
export const failed = (reason) => ({ ...noCounts, failed: 1, reasons: [reason] })

export const addCounts = (a, b) => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
  reasons: [...(a.reasons ?? []), ...(b.reasons ?? [])],
})

/** The counts of a program's closing line; a bad status without a failed test counts as one. */
export const countsOf = (text, status) => {
  const lines = [...text.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm)]
  const last = lines.at(-1)
  if (last === undefined) return failed('a program did not say how many of its tests passed')
  const [good, bad, skipped = 0] = last.slice(1).map((number) => Number(number ?? 0))
  const counts = { ...noCounts, passed: good, failed: bad, skipped }
  return status !== 0 && bad === 0
    ? addCounts(counts, failed(`a program ended with status ${status}`))
    : counts
}
