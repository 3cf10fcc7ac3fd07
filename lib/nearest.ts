// "Did you mean": the known word that a mistyped one is closest to.
// SPDX-License-Identifier: MIT

/** Changes of a letter, letters that were swapped counting as one (optimal string alignment). */
export const distance = (a: string, b: string): number => {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? before[j - 2]! + 1 : Infinity
      next.push(Math.min(changed, swapped, row[j]! + 1, next[j - 1]! + 1))
    }
    before = row
    row = next
  }
  return row[b.length]!
}

/** The closest word, if a third of the letters or fewer differ or the given word begins it; undefined if none is. */
export const nearest = (given: string, words: readonly string[]): string | undefined => {
  const begun = words.filter((word) => given.length > 1 && word.startsWith(given))
  const [best] = (begun.length > 0 ? begun : words).toSorted(
    (a, b) => distance(given, a) - distance(given, b),
  )
  if (best === undefined) return undefined
  return begun.length > 0 || distance(given, best) * 3 <= Math.max(given.length, 3) ? best : undefined
}
