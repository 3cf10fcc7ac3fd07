// Clients counted by the servers that they have before and after.
// SPDX-License-Identifier: MIT

import type { Impact, Move, PredictableDestination } from './types.js'

/** Servers go by numbers below `count`; 0 is none. */
export class Tally {
  readonly #count: number
  readonly #before: Float64Array
  readonly #after: Float64Array
  readonly #moves = new Map<number, number>()

  constructor(count: number) {
    this.#count = count
    this.#before = new Float64Array(count)
    this.#after = new Float64Array(count)
  }

  add(from: number, to: number, amount: number): void {
    this.#before[from]! += amount
    this.#after[to]! += amount
    if (from === to) return
    const pair = from * this.#count + to
    this.#moves.set(pair, (this.#moves.get(pair) ?? 0) + amount)
  }

  result<D extends PredictableDestination>(
    basis: Impact['basis'],
    [before, after]: readonly [readonly (D | null)[], readonly (D | null)[]],
  ): Impact<D> {
    const total = this.#before.reduce((sum, amount) => sum + amount, 0) || 1
    const moves: Move<D>[] = []
    let moved = 0
    for (const [pair, amount] of this.#moves) {
      moved += amount
      const [from, to] = [Math.floor(pair / this.#count), pair % this.#count]
      moves.push({ from: before[from] ?? null, to: after[to] ?? null, fraction: amount / total })
    }
    moves.sort((a, b) => b.fraction - a.fraction)
    let least = 0
    for (let i = 0; i < this.#count; i++) least += Math.max(0, this.#after[i]! - this.#before[i]!)
    // What is computed from weights carries rounding errors; one slot of the largest table is a millionth.
    const excess = moved - least > 1e-9 * total ? (moved - least) / total : 0
    return { moved: moved / total, minimum: least / total, excess, basis, moves }
  }
}
