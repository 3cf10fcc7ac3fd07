// JSON of what the client returns: 64-bit counters as numbers with all their digits.
// SPDX-License-Identifier: MIT

/** Other programs read such numbers exactly; JavaScript's own JSON.parse() rounds those above 2^53. */
export const toJson = (value: unknown): string => {
  const digits = (_: string, field: unknown): unknown =>
    typeof field === 'bigint' ? `\u0000${field}\u0000` : field
  return JSON.stringify(value, digits, 2).replace(/"\\u0000(-?\d+)\\u0000"/g, '$1')
}
