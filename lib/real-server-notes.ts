// What a real server's settings were before: kept as text in the alias of the device that carries its VIPs.
// SPDX-License-Identifier: MIT
//
// So it lives as long as what it describes, in the namespace that it is about, whichever process made it and however that
// ended. An example: "ipvs real server; arp 0,0:2-4,7 0,1:9; tunl0 down,0".

/** Settings of an interface about ARP, by its index. */
export interface ArpNote {
  readonly index: number
  readonly ignore: number
  readonly announce: number
}

export interface TunnelNote {
  readonly name: string
  readonly before: 'absent' | 'down' | 'up'
  readonly rpFilter: number
}

export interface Notes {
  readonly arp: readonly ArpNote[]
  readonly tunnels: readonly TunnelNote[]
}

export const noNotes: Notes = { arp: [], tunnels: [] }

const TITLE = 'ipvs real server'

/** 2, 3, 4, 7 as `2-4,7`. */
const ranges = (numbers: readonly number[]): string => {
  const found: [first: number, last: number][] = []
  for (const number of numbers.toSorted((a, b) => a - b)) {
    const open = found.at(-1)
    if (open !== undefined && number === open[1] + 1) open[1] = number
    else found.push([number, number])
  }
  return found.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',')
}

const numbersOf = (text: string): readonly number[] =>
  text.split(',').flatMap((range) => {
    const [first = NaN, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })

export const formatNotes = ({ arp, tunnels }: Notes): string => {
  const groups = new Map<string, number[]>()
  for (const { index, ignore, announce } of arp) {
    const values = `${ignore},${announce}`
    groups.set(values, [...(groups.get(values) ?? []), index])
  }
  const words = [...groups].map(([values, indexes]) => `${values}:${ranges(indexes)}`)
  return [
    TITLE,
    ...(words.length > 0 ? [`arp ${words.join(' ')}`] : []),
    ...tunnels.map(({ name, before, rpFilter }) => `${name} ${before},${rpFilter}`),
  ].join('; ')
}

/** undefined when the text is something else. */
export const parseNotes = (text: string): Notes | undefined => {
  const [title, ...parts] = text.split('; ')
  if (title !== TITLE) return undefined
  const arp: ArpNote[] = []
  const tunnels: TunnelNote[] = []
  for (const part of parts) {
    for (const [, ignore, announce, list] of part.matchAll(/(\d+),(\d+):([\d,-]+)/g))
      for (const index of numbersOf(list!))
        arp.push({ index, ignore: Number(ignore), announce: Number(announce) })
    const [, name, before, rpFilter] = /^(\w+) (absent|down|up),(\d+)$/.exec(part) ?? []
    if (name !== undefined)
      tunnels.push({ name, before: before as TunnelNote['before'], rpFilter: Number(rpFilter) })
  }
  return { arp, tunnels }
}
