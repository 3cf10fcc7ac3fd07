// `ipvs top` as text: which services, in what order, and the lines of a screen. Pure; only rows that fit are made.
// SPDX-License-Identifier: MIT

import { hostPort } from '../objects.js'
import type { Rates } from '../rates.js'
import type { WatchedDestination } from '../watch.js'
import type { TopService } from './top-table.js'
import { short } from './watch.js'

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

export interface Look {
  readonly columns: number
  /** Infinity where the output is no terminal: everything is printed. */
  readonly rows: number
  readonly colour: boolean
  /** Full, and three quarters down to one: `█▊▌▎`, or `#`. */
  readonly bars: string
}

export interface TopState {
  readonly services: readonly TopService[]
  readonly view: View
  readonly title: string
}

export interface Drawn {
  readonly lines: readonly string[]
  /** Services with a row on the screen. */
  readonly seen: ReadonlySet<string>
  /** Rows that there are, and how many fit. */
  readonly total: number
  readonly room: number
}

type Server = WatchedDestination

/** A server of weight 0 is drained when its last connection has ended. */
const weightText = ({ weight, activeConns, inactiveConns }: Server): string =>
  weight > 0 ? `${weight}` : activeConns + inactiveConns > 0 ? 'draining' : 'drained'

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

const ofServer = (sort: SortKey, server: Server): number =>
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

/** What is shown of each service: all real servers, or those that the filter asks for. */
interface Shown extends TopService {
  readonly value: number
  readonly servers: readonly Server[]
}

export const arrange = (services: readonly TopService[], view: View): readonly Shown[] => {
  const { sort, filter } = view
  const shown = services.flatMap((top): readonly Shown[] => {
    const { destinations, rates } = top.service
    const value = figure(sort, top.active, top.inactive, rates)
    if (filter === '' || top.name.includes(filter)) return [{ ...top, value, servers: destinations }]
    const servers = destinations.filter(
      (server) => hostPort(server).includes(filter) || weightText(server) === filter,
    )
    return servers.length === 0 ? [] : [{ ...top, value, servers }]
  })
  return sorted(
    shown,
    view,
    ({ name }) => name,
    ({ value }) => value,
  )
}

const count = (value: number): string => (value < 1e6 ? `${value}` : short(value))
const rate = (rates: Rates | null, name: keyof Rates): string => (rates === null ? '-' : short(rates[name]))

interface Column {
  readonly title: string
  readonly width: number
}

const fixed: readonly Column[] = [
  { title: 'HOW', width: 7 },
  { title: 'WEIGHT', width: 8 },
  { title: 'ACTIVE', width: 7 },
  { title: 'INACT', width: 7 },
  { title: 'CONN/s', width: 7 },
]
/** As many as there is room for. */
const wide: readonly (Column & { readonly rate: keyof Rates })[] = [
  { title: 'B/s IN', width: 7, rate: 'inBps' },
  { title: 'B/s OUT', width: 7, rate: 'outBps' },
  { title: 'PKT/s IN', width: 8, rate: 'inPps' },
  { title: 'OUT', width: 7, rate: 'outPps' },
]
const widthOf = (columns: readonly Column[]): number => columns.reduce((sum, { width }) => sum + width + 1, 0)
const HEADING = 'SERVICE / REAL SERVER'
const NAME = 24
const BAR = { least: 8, most: 20 }

interface Layout {
  readonly name: number
  readonly wide: typeof wide
  readonly bar: number
}

/** Names are cut before columns are, and the bar takes what is left. */
const layout = (columns: number, longest: number): Layout => {
  let left = columns - widthOf(fixed) - Math.min(longest, NAME) - BAR.least - 1
  const chosen: (typeof wide)[number][] = []
  for (const column of wide) {
    if (left < column.width + 1) break
    chosen.push(column)
    left -= column.width + 1
  }
  const more = Math.max(0, Math.min(left, longest - NAME))
  const bar = left < 0 ? 0 : Math.min(BAR.most, BAR.least + left - more)
  return {
    name: Math.max(10, Math.min(longest, NAME) + more + (left < 0 ? left + BAR.least + 1 : 0)),
    wide: chosen,
    bar,
  }
}

/** The middle goes: a name differs from others at its ends. */
const cut = (text: string, width: number): string => {
  if (text.length <= width) return text.padEnd(width)
  const head = Math.floor((width - 2) / 2)
  return `${text.slice(0, head)}..${text.slice(text.length - (width - 2 - head))}`
}

const bar = (value: number, most: number, width: number, marks: string): string => {
  const steps = marks.length
  const units = most === 0 ? 0 : Math.round((value / most) * width * steps)
  const part = units % steps
  return marks[0]!.repeat(Math.floor(units / steps)) + (part === 0 ? '' : marks[steps - part]!)
}

const methods: Readonly<Record<string, string>> = {
  masquerading: 'masq',
  tunneling: 'tunnel',
  'direct-routing': 'route',
}

type Style = 'bold' | 'reverse' | 'yellow' | 'dim'
const codes: Readonly<Record<Style, number>> = { bold: 1, reverse: 7, yellow: 33, dim: 2 }

export const draw = ({ services, view, title }: TopState, look: Look): Drawn => {
  const { columns, rows, colour, bars } = look
  const styled = (text: string, style: Style): string =>
    colour ? `\x1b[${codes[style]}m${text}\x1b[0m` : text
  const shown = arrange(services, view)
  const room = Math.max(1, rows - 3)
  const total = shown.reduce((sum, { servers }) => sum + 1 + (view.servers ? servers.length : 0), 0)
  const first = Math.max(0, Math.min(view.offset, total - room))

  // Which rows are seen; those of services further up are only counted.
  const visible: { readonly top: Shown; readonly servers: readonly Server[]; readonly isNamed: boolean }[] =
    []
  let row = 0
  for (const top of shown) {
    if (row >= first + room) break
    const size = 1 + (view.servers ? top.servers.length : 0)
    if (row + size > first) {
      const servers = view.servers
        ? sorted(top.servers, view, hostPort, (server) => ofServer(view.sort, server))
        : []
      const skipped = Math.max(0, first - row - 1)
      visible.push({
        top,
        servers: servers.slice(skipped, Math.max(0, first + room - row - 1)),
        isNamed: row >= first,
      })
    }
    row += size
  }

  const longest = visible.reduce(
    (most, { top, servers }) =>
      servers.reduce(
        (max, server) => Math.max(max, hostPort(server).length + 2),
        Math.max(most, top.name.length),
      ),
    HEADING.length,
  )
  const { name: nameWidth, wide: chosen, bar: barWidth } = layout(columns, longest)
  const line = (name: string, words: readonly string[], rates: Rates | null, share: string): string => {
    const cells = words.map((word, i) => word.padStart(fixed[i]!.width))
    const more = chosen.map((column) => rate(rates, column.rate).padStart(column.width))
    return [cut(name, nameWidth), ...cells, ...more, share].join(' ').trimEnd().slice(0, columns)
  }
  const most = shown.reduce((max, { value }) => Math.max(max, value), 0)
  const body = visible.flatMap(({ top, servers, isNamed }) => {
    const { name, service, active, inactive, value } = top
    const words = [service.scheduler, '', count(active), count(inactive), rate(service.rates, 'cps')]
    const head = line(name, words, service.rates, bar(value, most, barWidth, bars))
    const best = top.servers.reduce((max, server) => Math.max(max, ofServer(view.sort, server)), 0)
    const rest = servers.map((server) => {
      const { forwarding, activeConns, inactiveConns, rates } = server
      const weight = weightText(server)
      const words = [
        methods[forwarding] ?? forwarding,
        weight,
        count(activeConns),
        count(inactiveConns),
        rate(rates, 'cps'),
      ]
      const share = bar(ofServer(view.sort, server), best, barWidth, bars)
      const text = line(`  ${hostPort(server)}`, words, rates, share)
      return weight === 'draining'
        ? styled(text, 'yellow')
        : weight === 'drained'
          ? styled(text, 'dim')
          : text
    })
    return isNamed ? [styled(head, 'bold'), ...rest] : rest
  })
  const headings = [
    cut(HEADING, nameWidth),
    ...[...fixed, ...chosen].map(({ title: word, width }) => word.padStart(width)),
    view.sort === 'name' ? 'active' : view.sort,
  ]
  const heading = headings.join(' ').slice(0, columns)
  const lines = [
    `${title}  ${summary(services)}`.slice(0, columns),
    styled(rows === Infinity ? heading : heading.padEnd(columns), 'reverse'),
    ...body,
  ]
  if (rows !== Infinity) {
    while (lines.length < rows - 1) lines.push('')
    lines.push(footer(view, first, room, total).slice(0, columns))
  }
  return { lines, seen: new Set(visible.map(({ top }) => top.name)), total, room }
}

const summary = (services: readonly TopService[]): string => {
  let [servers, draining, active] = [0, 0, 0]
  for (const top of services) {
    active += top.active
    for (const server of top.service.destinations) {
      servers++
      if (weightText(server) === 'draining') draining++
    }
  }
  const drains = draining === 0 ? '' : `, ${draining} draining`
  return `${services.length} services, ${servers} real servers${drains}, ${active} active connections`
}

const footer = (view: View, first: number, room: number, total: number): string => {
  if (view.typing) return `filter: ${view.filter}_   Enter keeps it, Esc drops it`
  const filter = view.filter === '' ? '' : ` '${view.filter}'`
  const order = `${view.sort}${view.reverse ? ' reversed' : ''}`
  const place = total > room ? `  ${first + 1}-${Math.min(total, first + room)} of ${total}` : ''
  const paused = view.paused ? '  PAUSED' : ''
  return `q quit  s sort: ${order}  r reverse  / filter${filter}  d servers  space pause  arrows PgUp PgDn${place}${paused}`
}
