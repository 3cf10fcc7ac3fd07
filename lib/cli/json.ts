// JSON of what the client returns: 64-bit counters as numbers with all their digits.
// SPDX-License-Identifier: MIT

/** An error as its own fields would not show it. */
const plain = (error: Error): unknown => {
  const { name, message, code, reason } = error as Error & { code?: unknown; reason?: unknown }
  return { name, message, code, reason }
}

const digits = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? `\u0000${value}\u0000` : value instanceof Error ? plain(value) : value

/**
 * Other programs read such numbers exactly; JavaScript's own JSON.parse() rounds those above 2^53. On one line, or by
 * default indented.
 */
export const toJson = (value: unknown, indent = 2): string =>
  JSON.stringify(value, digits, indent).replace(/"\\u0000(-?\d+)\\u0000"/g, '$1')
