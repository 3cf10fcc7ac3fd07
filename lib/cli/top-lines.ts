// The lines of `ipvs top`: columns that fit, bars, and the help at the bottom. Pure; only rows in sight are made.
// SPDX-License-Identifier: MIT

import { hostPort } from '../objects.js'
import type { Rates } from '../rates.js'
import type { TopService } from './top-table.js'
import {
  arrange,
  ofServer,
  totalRows,
  type View,
  type VisibleService,
  visibleRows,
  weightText,
} from './top-view.js'
import { short } from './watch.js'

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

/** `share` is 0 to 1, or NaN where there is nothing to share. */
const bar = (share: number, width: number, marks: string): string => {
  const steps = marks.length
  const units = Math.round((share || 0) * width * steps)
  const part = units % steps
  return marks[0]!.repeat(Math.floor(units / steps)) + (part === 0 ? '' : marks[steps - part]!)
}

const methods: Readonly<Record<string, string>> = {
  masquerading: 'masq',
  tunneling: 'tunnel',
  'direct-routing': 'route',
}

type Style = 'bold' | 'reverse' | 'yellow' | 'dim'
const styles = { draining: 'yellow', drained: 'dim' } as const
const codes: Readonly<Record<Style, number>> = { bold: 1, reverse: 7, yellow: 33, dim: 2 }

/** One row: name, the fixed columns, rates, and a bar. */
type Line = (name: string, words: readonly string[], rates: Rates | null, share: number) => string

const lineOf =
  ({ name: width, wide, bar: room }: Layout, look: Look): Line =>
  (name, words, rates, share) => {
    const cells = words.map((word, i) => word.padStart(fixed[i]!.width))
    const more = wide.map((column) => rate(rates, column.rate).padStart(column.width))
    return [cut(name, width), ...cells, ...more, bar(share, room, look.bars)]
      .join(' ')
      .trimEnd()
      .slice(0, look.columns)
  }

const styled = (text: string, style: Style, { colour }: Look): string =>
  colour ? `\x1b[${codes[style]}m${text}\x1b[0m` : text

/** The rows of a service; `most` is what the longest bar of a service stands for. */
const block = (
  { top, servers, isNamed, visible, value }: VisibleService,
  view: View,
  most: number,
  line: Line,
  look: Look,
): readonly string[] => {
  const { active, inactive } = top.servers
  const words = [top.status.scheduler, '', count(active), count(inactive), rate(top.rates, 'cps')]
  const head = isNamed ? [styled(line(top.name, words, top.rates, value / most), 'bold', look)] : []
  const best = largest(servers, (server) => ofServer(view.sort, server))
  const rest = visible.map((server) => {
    const { forwarding, activeConns, inactiveConns, rates } = server
    const weight = weightText(server)
    const words = [
      methods[forwarding] ?? forwarding,
      weight,
      count(activeConns),
      count(inactiveConns),
      rate(rates, 'cps'),
    ]
    const text = line(`  ${hostPort(server)}`, words, rates, ofServer(view.sort, server) / best)
    return weight === 'draining' || weight === 'drained' ? styled(text, styles[weight], look) : text
  })
  return [...head, ...rest]
}

const largest = <T>(items: readonly T[], value: (item: T) => number): number =>
  items.reduce((most, item) => Math.max(most, value(item)), 0)

export const draw = ({ services, view, title }: TopState, look: Look): Drawn => {
  const { columns, rows } = look
  const shown = arrange(services, view)
  const room = Math.max(1, rows - 3)
  const total = totalRows(shown, view)
  const first = Math.max(0, Math.min(view.offset, total - room))
  const visible = visibleRows(shown, view, first, room)
  const longest = largest(visible, (one) =>
    Math.max(
      one.top.name.length,
      largest(one.visible, (server) => hostPort(server).length + 2),
    ),
  )
  const widths = layout(columns, Math.max(longest, HEADING.length))
  const line = lineOf(widths, look)
  const most = largest(shown, ({ value }) => value)
  const heading = [
    cut(HEADING, widths.name),
    ...[...fixed, ...widths.wide].map(({ title: word, width }) => word.padStart(width)),
    view.sort === 'name' ? 'active' : view.sort,
  ]
    .join(' ')
    .slice(0, columns)
  const lines = [
    `${title}  ${summary(services)}`.slice(0, columns),
    styled(rows === Infinity ? heading : heading.padEnd(columns), 'reverse', look),
    ...visible.flatMap((one) => block(one, view, most, line, look)),
  ]
  if (rows !== Infinity) {
    while (lines.length < rows - 1) lines.push('')
    lines.push(footer(view, first, room, total).slice(0, columns))
  }
  return { lines, seen: new Set(visible.map(({ top }) => top.name)), total, room }
}

const summary = (services: readonly TopService[]): string => {
  let [count, draining, active] = [0, 0, 0]
  for (const { servers } of services) {
    count += servers.list.length
    draining += servers.draining
    active += servers.active
  }
  const drains = draining === 0 ? '' : `, ${draining} draining`
  return `${services.length} services, ${count} real servers${drains}, ${active} active connections`
}

const footer = (view: View, first: number, room: number, total: number): string => {
  if (view.typing) return `filter: ${view.filter}_   Enter keeps it, Esc drops it`
  const filter = view.filter === '' ? '' : ` '${view.filter}'`
  const order = `${view.sort}${view.reverse ? ' reversed' : ''}`
  const place = total > room ? `  ${first + 1}-${Math.min(total, first + room)} of ${total}` : ''
  const paused = view.paused ? '  PAUSED' : ''
  return `q quit  s sort: ${order}  r reverse  / filter${filter}  d servers  space pause  arrows PgUp PgDn${place}${paused}`
}
