// How weighted rendezvous moves clients when weights change, exactly.
// SPDX-License-Identifier: MIT

/** The fraction of clients that server `from` has before and `to` after. */
export type Flow = (from: number, to: number, fraction: number) => void

/** Servers whose weights change by the same ratio, after / before: they lose none to each other. */
interface Group {
  readonly ratio: number
  readonly members: number[]
  /** Of dr / T(r)^2, from the least ratio to this one. */
  integral: number
}

const sumOf = (weights: Float64Array): number => weights.reduce((sum, weight) => sum + weight, 0)

/** By rising ratio: 0 is a server that goes, infinite one that comes. */
const groupsOf = (before: Float64Array, after: Float64Array): Group[] => {
  const groups = new Map<number, Group>()
  for (let k = 0; k < before.length; k++) {
    const ratio = after[k]! / before[k]!
    if (Number.isNaN(ratio)) continue // in neither
    const group = groups.get(ratio)
    if (group === undefined) groups.set(ratio, { ratio, members: [k], integral: 0 })
    else group.members.push(k)
  }
  return [...groups.values()].sort((a, b) => a.ratio - b.ratio)
}

const integrate = (groups: readonly Group[], before: Float64Array, after: Float64Array): void => {
  let rising = 0 // sum of before[k] where the ratio is passed
  let level = sumOf(after) // sum of after[k] where it is not
  let last: { readonly ratio: number; readonly sum: number; readonly integral: number } | undefined
  for (const group of groups) {
    for (const k of group.members) {
      rising += before[k]!
      level -= after[k]!
    }
    const sum = level + rising * group.ratio
    if (last !== undefined) {
      const step = group.ratio === Infinity ? 1 / rising : (group.ratio - last.ratio) / sum
      group.integral = last.integral + step / last.sum
    }
    last = { ratio: group.ratio, sum, integral: group.integral }
  }
}

/**
 * Server k has the clients for which E[k] / weight[k] is least, E being exponentially distributed and the same
 * before and after. With T(r) = sum of max(r * before[k], after[k]), a server i loses to j if its ratio after /
 * before is below j's: before[i] * after[j] * (the integral of dr / T(r)^2 from i's ratio to j's). T is linear
 * between neighbouring ratios, where the integral is (r2 - r1) / (T(r1) * T(r2)).
 *
 * The weight of a server that takes no clients is 0. Each side has one that does.
 */
export const rendezvousFlows = (before: Float64Array, after: Float64Array, flow: Flow): void => {
  const groups = groupsOf(before, after)
  integrate(groups, before, after)
  const total = sumOf(before)
  for (const [place, { ratio, members, integral }] of groups.entries()) {
    for (const i of members) {
      let kept = before[i]! / total
      for (const higher of groups.slice(place + 1)) {
        for (const j of higher.members) {
          const fraction = before[i]! * after[j]! * (higher.integral - integral)
          kept -= fraction
          flow(i, j, fraction)
        }
      }
      if (ratio > 0 && ratio < Infinity) flow(i, i, kept)
    }
  }
}

/** How many pairs of servers exchange clients. */
export const rendezvousPairs = (before: Float64Array, after: Float64Array): number => {
  let [pairs, lower] = [0, 0]
  for (const { members } of groupsOf(before, after)) {
    pairs += lower * members.length
    lower += members.length
  }
  return pairs
}
