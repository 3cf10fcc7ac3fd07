// Counting tests over several runners.
// SPDX-License-Identifier: MIT

/** `reasons`: a line for each that failed; `text`: what the tests said. */
export const noCounts = { passed: 0, failed: 0, skipped: 0, reasons: [], text: '' }
export const passed = () => ({ ...noCounts, passed: 1 })
export const failed = (reason, text = '') => ({ ...noCounts, failed: 1, reasons: [reason], text })

export const addCounts = (a, b) => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
  reasons: [...a.reasons, ...b.reasons],
  text: a.text + b.text,
})

/** The counts of a program's closing line; a bad status without a failed test counts as one. */
export const countsOf = (text, status) => {
  const lines = [...text.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm)]
  const last = lines.at(-1)
  if (last === undefined) return failed('a program did not say how many of its tests passed', text)
  const [good, bad, skipped = 0] = last.slice(1).map((number) => Number(number ?? 0))
  const counts = { ...noCounts, passed: good, failed: bad, skipped, text: status === 0 ? '' : text }
  return status !== 0 && bad === 0
    ? addCounts(counts, failed(`a program ended with status ${status}`))
    : counts
}

/** Prints what the tests said, what failed, and the line that counts them; returns the exit status. */
export function conclude({ passed: good, failed: bad, skipped, reasons, text }) {
  console.log(`\n${text}`)
  for (const reason of reasons) console.log(`FAILED: ${reason}`)
  console.log(`\n${good} passed, ${bad} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  return bad === 0 && good > 0 ? 0 : 1
}
