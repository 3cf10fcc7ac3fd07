// What a list of measurements comes to, and rounds in which every rival takes its turn.
// SPDX-License-Identifier: MIT

const inOrder = (list) => [...list].sort((a, b) => a - b)

export const quantile = (list, part) =>
  inOrder(list)[Math.min(list.length - 1, Math.floor(part * list.length))]

/** The figure of one or more runs: median, extremes and how many there were. */
export function figure(list) {
  const sorted = inOrder(list)
  const half = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
  return { median, min: sorted[0], max: sorted.at(-1), runs: sorted.length }
}

/** Each run against that of the same round: what else the machine did then, it did to both. */
export const ratio = (runs, floor) => figure(runs.map((value, round) => value / floor[round]))

/**
 * Runs every rival in every round, beginning with another one each time; `measure` is given the rival and the round.
 * Returns the list of results of each by its name.
 */
export async function inTurn(rounds, rivals, measure) {
  const results = Object.fromEntries(rivals.map((rival) => [rival, []]))
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < rivals.length; turn++) {
      const rival = rivals[(turn + round) % rivals.length]
      results[rival].push(await measure(rival, round))
    }
  }
  return results
}
