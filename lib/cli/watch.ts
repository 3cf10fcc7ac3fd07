// `ipvs watch`: the table again and again: what changed, and rates.
// SPDX-License-Identifier: MIT

import type { FieldChange, TableChange } from '../changes.js'
import type { Rates } from '../rates.js'
import { endpointText, numeric } from '../text/format.js'
import { type WatchedTable, watch as watchTable } from '../watch.js'
import { atMost, readArguments, readSeconds } from './arguments.js'
import { UsageError } from './failure.js'
import { withClient } from './io.js'
import { toJson } from './json.js'
import { serviceText } from './prediction.js'
import type { Run } from './subcommands.js'

const usage = `usage: ipvs watch [--interval SECONDS] [--count NUMBER] [--changes] [--netns NAME|PATH] [--json]

Reads the table every two seconds and prints what changed, and connections, packets and bytes a second of each
service. IPVS has no events: what comes and goes between two readings is not seen.

--interval SECONDS   between readings (2)
--count NUMBER       readings, then end; the first has no rates
--changes            what changed only
--json               each reading as JSON, one object a line, counters included
Exit status: 0 ended by --count or a signal, 1 failed, 2 the command line is wrong.
`

const word = (value: unknown): string =>
  value === null || value === undefined
    ? 'none'
    : typeof value === 'object'
      ? JSON.stringify(value)
      : String(value)

const fieldsText = (fields: readonly FieldChange<string>[]): string =>
  fields.map(({ field, before, after }) => `${field} ${word(before)} → ${word(after)}`).join(', ')

/** `~ 10.0.0.2:80 of 192.0.2.10:80/tcp: weight 1 → 5` */
export const changeText = (change: TableChange): string => {
  const service = serviceText(change.service)
  const name =
    'destination' in change ? `${endpointText(change.destination, 'tcp', numeric)} of ${service}` : service
  if (change.type.endsWith('-added')) return `+ ${name}`
  if (change.type.endsWith('-removed')) return `- ${name}`
  return `~ ${name}: ${'fields' in change ? fieldsText(change.fields) : ''}`
}

/** `12.3k` */
export const short = (value: number): string => {
  const units = ['', 'k', 'M', 'G', 'T']
  let unit = 0
  let rest = value
  for (; rest >= 999.95 && unit < units.length - 1; unit++) rest /= 1000
  return `${rest.toFixed(1)}${units[unit]}`
}

const columns: readonly (keyof Rates)[] = ['cps', 'inPps', 'outPps', 'inBps', 'outBps']

const ratesText = ({ services }: WatchedTable): string => {
  const rows = services.flatMap((service) =>
    service.rates === null
      ? []
      : `  ${serviceText(service).padEnd(40)}${columns.map((column) => short(service.rates![column]).padStart(9)).join('')}\n`,
  )
  const head = `  ${''.padEnd(40)}${['CPS', 'InPPS', 'OutPPS', 'InBPS', 'OutBPS'].map((name) => name.padStart(9)).join('')}\n`
  return rows.length === 0 ? '' : head + rows.join('')
}

const tableText = (table: WatchedTable, changesOnly: boolean): string => {
  const { at, services, changes, stable } = table
  const changed = changes.map((change) => `${changeText(change)}\n`).join('')
  if (changesOnly && changes.length === 0) return ''
  const servers = services.reduce((sum, { destinations }) => sum + destinations.length, 0)
  const head = `${at.toISOString()} ${services.length} services, ${servers} real servers${stable ? '' : ' (kept changing)'}\n`
  return head + changed + (changesOnly ? '' : ratesText(table))
}

export const watch: Run = async (args, io) => {
  const parsed = readArguments('watch', usage, args, io, {
    interval: { type: 'string' },
    count: { type: 'string' },
    changes: { type: 'boolean', default: false },
  })
  if (parsed === undefined) return 0
  const { values, positionals } = parsed
  atMost('watch', positionals, 0)
  const { json, changes, count = 'Infinity' } = values
  if (!/^([1-9]\d*|Infinity)$/.test(count))
    throw new UsageError(`watch: --count ${count}: expected a number above 0`)
  const interval =
    values.interval === undefined ? 2000 : readSeconds('watch', 'interval', values.interval, { least: 1 })
  await withClient(values.netns, async (client) => {
    let readings = 0
    for await (const table of watchTable(client, { interval, signal: io.signal })) {
      readings++
      if (!json) io.out(tableText(table, changes))
      else if (!changes) io.out(`${toJson(table, 0)}\n`)
      else if (table.changes.length > 0) io.out(`${toJson({ at: table.at, changes: table.changes }, 0)}\n`)
      if (readings >= Number(count)) break
    }
  })
  return 0
}
