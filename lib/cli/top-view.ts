// The view of `ipvs top`: what the person chose, which services and real servers that shows, and in what order. Pure.
// SPDX-License-Identifier: MIT

import { hostPort } from '../objects.js'
import type { Rates } from '../rates.js'
import type { WatchedDestination } from '../watch.js'
import { isDraining, type TopService } from './top-table.js'

export const sortKeys = ['active', 'inactive', 'cps', 'packets', 'bytes', 'name'] as const
export type SortKey = (typeof sortKeys)[number]

/** What the person at the keys has chosen. */
export interface View {
  readonly sort: SortKey
  readonly reverse: boolean
  /** Services whose name has this, and real servers whose line has it: an address, `draining`. */
  readonly filter: string
  readonly servers: boolean
  /** The first row that is seen. */
  readonly offset: number
  readonly paused: boolean
  /** While a filter is typed. */
  readonly typing: boolean
}

export type Server = WatchedDestination

/** A server of weight 0 is drained when its last connection has ended. */
export const weightText = (server: Server): string =>
  server.weight > 0 ? `${server.weight}` : isDraining(server) ? 'draining' : 'drained'

const figure = (sort: SortKey, active: number, inactive: number, rates: Rates | null): number => {
  switch (sort) {
    case 'inactive':
      return inactive
    case 'cps':
      return rates?.cps ?? 0
    case 'packets':
      return rates === null ? 0 : rates.inPps + rates.outPps
    case 'bytes':
      return rates === null ? 0 : rates.inBps + rates.outBps
    default:
      return active
  }
}

export const ofServer = (sort: SortKey, server: Server): number =>
  figure(sort, server.activeConns, server.inactiveConns, server.rates)

/** Largest first; by name where they are equal, or when that is the order. */
const sorted = <T>(
  items: readonly T[],
  { sort, reverse }: View,
  name: (item: T) => string,
  value: (item: T) => number,
) => {
  const keyed = items.map((item) => ({ item, name: name(item), value: sort === 'name' ? 0 : value(item) }))
  keyed.sort((a, b) => b.value - a.value || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  const list = keyed.map(({ item }) => item)
  return reverse ? list.reverse() : list
}

/** What is shown of a service: all its real servers, or those that the filter asks for. */
export interface Shown {
  readonly top: TopService
  readonly value: number
  readonly servers: readonly Server[]
}

export const arrange = (services: readonly TopService[], view: View): readonly Shown[] => {
  const { sort, filter } = view
  const shown: Shown[] = []
  for (const top of services) {
    const { list, active, inactive } = top.servers
    const isWhole = filter === '' || top.name.includes(filter)
    const servers = isWhole
      ? list
      : list.filter((server) => hostPort(server).includes(filter) || weightText(server) === filter)
    if (!isWhole && servers.length === 0) continue
    shown.push({ top, servers, value: figure(sort, active, inactive, top.rates) })
  }
  return sorted(
    shown,
    view,
    ({ top }) => top.name,
    ({ value }) => value,
  )
}

/** Rows of the table: each service, and its real servers where they are shown. */
const rowsOf = ({ servers }: Shown, view: View): number => 1 + (view.servers ? servers.length : 0)

export const totalRows = (shown: readonly Shown[], view: View): number =>
  shown.reduce((sum, one) => sum + rowsOf(one, view), 0)

export interface VisibleService extends Shown {
  /** False where only real servers of it are in sight, its own row being above. */
  readonly isNamed: boolean
  readonly visible: readonly Server[]
}

/** What stands in `room` rows from `first` on; what is above is only counted, what is below not even that. */
export const visibleRows = (
  shown: readonly Shown[],
  view: View,
  first: number,
  room: number,
): readonly VisibleService[] => {
  const found: VisibleService[] = []
  let row = 0
  for (const one of shown) {
    if (row >= first + room) break
    const size = rowsOf(one, view)
    if (row + size > first) {
      const ordered = view.servers
        ? sorted(one.servers, view, hostPort, (server) => ofServer(view.sort, server))
        : []
      const from = Math.max(0, first - row - 1)
      found.push({
        ...one,
        isNamed: row >= first,
        visible: ordered.slice(from, Math.max(0, first + room - row - 1)),
      })
    }
    row += size
  }
  return found
}
