// `ipvs top`: services and real servers with connections and rates, live on a terminal, else as plain lines.
// SPDX-License-Identifier: MIT

import { setTimeout as sleep } from 'node:timers/promises'
import { nextPoint, pause } from '../pause.js'
import { STILL } from '../rates.js'
import { atMost, readArguments, readSeconds } from './arguments.js'
import { unknownWord } from './failure.js'
import { type Io, type Terminal, withClient } from './io.js'
import { toJson } from './json.js'
import { openScreen } from './screen.js'
import type { Run } from './subcommands.js'
import { keysOf, press } from './top-keys.js'
import { type Drawn, draw, type Look, type TopState } from './top-lines.js'
import { TopTable } from './top-table.js'
import { arrange, type SortKey, sortKeys, type View } from './top-view.js'

const usage = `usage: ipvs top [--interval SECONDS] [--sort KEY] [--filter TEXT] [--once] [--netns NAME|PATH] [--json]

Shows services and their real servers, busiest first: weight (a server of weight 0 is draining, and drained when its
connections have ended), active and inactive connections, new connections, bytes and packets a second, and a bar of the
key that sorts. Plain lines where the output is no terminal.

--interval SECONDS   between readings (2); on a terminal longer where reading would take a tenth of a processor
--sort KEY           ${sortKeys.join(', ')} (active)
--filter TEXT        services whose name has this, and real servers whose address has it, or: draining, drained
--once               prints one table when rates are known, after some 4 seconds, and ends
--json               each reading as JSON, one object a line
Keys: s and r sort, / filters, d hides real servers, space pauses, arrows, j k g G, PgUp and PgDn scroll, q quits.
With more than 100 services, connections of those out of sight are read by turns, 100 services at a time.
Exit status: 0 ended by a key, --once or a signal, 1 failed, 2 the command line is wrong.
`

const sortOf = (text = 'active'): SortKey => {
  const found = sortKeys.find((key) => key === text)
  if (found === undefined) throw unknownWord('--sort', text, sortKeys)
  return found
}

interface Options {
  readonly view: View
  /** Milliseconds. */
  readonly interval: number
  readonly once: boolean
  readonly json: boolean
  readonly netns: string | undefined
}

export const top: Run = async (args, io) => {
  const parsed = readArguments('top', usage, args, io, {
    interval: { type: 'string' },
    sort: { type: 'string' },
    filter: { type: 'string', default: '' },
    once: { type: 'boolean', default: false },
  })
  if (parsed === undefined) return 0
  const { values, positionals } = parsed
  atMost('top', positionals, 0)
  const { json, once, netns, filter } = values
  const interval =
    values.interval === undefined ? 2000 : readSeconds('top', 'interval', values.interval, { least: 100 })
  const view: View = {
    sort: sortOf(values.sort),
    filter,
    reverse: false,
    servers: true,
    offset: 0,
    paused: false,
    typing: false,
  }
  const options = { view, interval, once, json, netns }
  await withClient(netns, (client) => {
    const table = new TopTable(client)
    return io.terminal === undefined || json || once
      ? print(table, io, options)
      : show(table, io.signal, io.terminal, options)
  })
  return 0
}

const titleOf = ({ netns }: Options, interval: number, at: Date): string => {
  const place = netns === undefined ? '' : ` netns ${netns}`
  return `ipvs top${place}  ${at.toISOString().slice(11, 19)} UTC, every ${Number((interval / 1000).toFixed(1))} s `
}

/** Plain lines, or JSON, of everything, reading after reading. */
const print = async (table: TopTable, io: Io, options: Options): Promise<void> => {
  const { view, interval, once, json } = options
  const look: Look = { columns: 120, rows: Infinity, colour: false, bars: '#' }
  const start = performance.now()
  for (let point = 0; ; point = nextPoint(point, performance.now() - start, interval)) {
    await pause(point * interval - (performance.now() - start), io.signal)
    if (io.signal.aborted) return
    const services = await table.read(undefined)
    const at = new Date()
    if (once && performance.now() - start < STILL) continue
    if (json) {
      const shown = arrange(services, view).map(({ top, servers }) => ({
        ...top.status,
        rates: top.rates,
        destinations: servers,
      }))
      io.out(`${toJson({ at, services: shown }, 0)}\n`)
    } else {
      io.out(`${draw({ services, view, title: titleOf(options, interval, at) }, look).lines.join('\n')}\n\n`)
    }
    if (once) return
  }
}

const isUtf8 = ({ LC_ALL, LC_CTYPE, LANG }: NodeJS.ProcessEnv): boolean =>
  /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '')

/** It rests for so many times what a reading took of the processors, which is less than a tenth of the whole … */
const REST = 12
/** … but not for longer than this. The first readings take the longest: code is not compiled, and all is read. */
const LONGEST_REST = 30_000

/** Milliseconds of processor time that this process has taken. */
const processorTime = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** The live table, until a key or a signal ends it. */
const show = async (
  table: TopTable,
  signal: AbortSignal,
  terminal: Terminal,
  options: Options,
): Promise<void> => {
  const { interval } = options
  const { env } = process
  const colour = !env.NO_COLOR && env.TERM !== 'dumb'
  const bars = isUtf8(env) ? '█▊▌▎' : '#'
  const ended = new AbortController()
  let state: TopState = { services: [], view: options.view, title: titleOf(options, interval, new Date()) }
  let drawn: Drawn | undefined

  const redraw = (): void => {
    const { columns, rows } = screen
    drawn = draw(state, { columns, rows, colour, bars })
    screen.draw(drawn.lines)
  }
  const typed = (text: string): void => {
    for (const key of keysOf(text)) {
      if (key === 'suspend') screen.suspend()
      const view = press(state.view, key, drawn?.room ?? 0, drawn?.total ?? 0)
      if (view === undefined) {
        ended.abort()
        return
      }
      state = { ...state, view }
    }
    redraw()
  }
  const screen = openScreen(terminal, typed, redraw)
  const close = (): void => screen.close()
  // At once: who sends the signal again ends the process.
  signal.addEventListener('abort', close)
  const until = AbortSignal.any([signal, ended.signal])
  try {
    let rest = 0
    while (!until.aborted) {
      const [start, before] = [performance.now(), processorTime()]
      if (!state.view.paused) {
        const services = await table.read(drawn?.seen)
        if (until.aborted) break
        state = { ...state, services, title: titleOf(options, Math.max(interval, rest), new Date()) }
        redraw()
      }
      const left = interval - (performance.now() - start)
      rest = Math.min(LONGEST_REST, Math.max(left, REST * (processorTime() - before)))
      await sleep(rest, undefined, { signal: until }).catch(() => undefined)
    }
  } finally {
    signal.removeEventListener('abort', close)
    close()
  }
}
