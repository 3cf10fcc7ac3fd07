// Numbers and tables in Markdown.
// SPDX-License-Identifier: MIT

/** Three digits that tell something; thousands apart. */
export const number = (value) => {
  if (!Number.isFinite(value)) return '–'
  const rounded = value === 0 ? 0 : Number(value.toPrecision(3))
  return rounded.toLocaleString('en', { maximumFractionDigits: 6 })
}

/** Median (least…most). */
export const figure = (found, digits = number) => {
  if (!found) return '–'
  const { median, min, max, runs } = found
  return runs === 1 ? digits(median) : `${digits(median)} (${digits(min)}…${digits(max)})`
}

export const times = (found) => (found ? `${number(found.median)} ×` : '–')

export const table = (head, rows) =>
  [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |\n`)
    .join('')

/** Values of a field in their order, each once. */
export const distinct = (rows, field) => [...new Set(rows.map((row) => row[field]))]
export const count = (value) => value.toLocaleString('en')
