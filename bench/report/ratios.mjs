// The tables of ratios, one for each case that was run.
// SPDX-License-Identifier: MIT
import { count, distinct, figure, number, table, times } from './format.mjs'

/** A share of one median in another, where they were not measured in the same rounds. */
const against = (value, base) => (value && base ? `${number(value.median / base.median)} ×` : '–')

const change = ({ rows }) => {
  const sizes = distinct(rows, 'services')
  const line = (rival, name) =>
    sizes.flatMap((services) => {
      const row = rows.find((r) => r.rival === rival && r.change === name && r.services === services)
      return [times(row?.ratio), times(row?.ratioOfP99)]
    })
  const names = distinct(rows, 'rival').filter((rival) => rival !== 'floor')
  const lines = names.flatMap((rival) =>
    distinct(
      rows.filter((row) => row.rival === rival),
      'change',
    ).map((name) => [`${rival}: ${name}`, ...line(rival, name)]),
  )
  return `
### One change, awaited: of the floor's, by services in the table

${table(['', ...sizes.flatMap((size) => [`${count(size)}: p50`, 'p99'])], lines)}
*edit* names all settings; *edit weight only* reads the real server first, as it must to keep the rest, and is held
against the floor's plain edit.
`
}

const load = ({ rows, small, large }) => {
  const of = (rival, operations) => rows.find((row) => row.rival === rival && row.operations === operations)
  const client = (operations) => of('client', operations)?.milliseconds
  const lines = distinct(rows, 'rival').map((rival) => [
    rival,
    ...[small, large].flatMap((operations) => {
      const row = of(rival, operations)
      return [times(row?.ratio), against(row?.milliseconds, client(operations))]
    }),
  ])
  const head = [small, large].flatMap((size) => [`${count(size)}: of the floor`, 'of the client'])
  return `
### Bulk load: time of operations made at once

${table(['', ...head], lines)}`
}

const read = (found) => `
### Reading: time

${table(
  [`the whole table, ${count(found.services)} × 5`, 'of the floor', 'of async snapshot()'],
  found.table.map(({ rival, ratio, milliseconds }) => [
    rival,
    times(ratio),
    against(milliseconds, found.table.find((row) => row.rival === 'async snapshot()').milliseconds),
  ]),
)}
${table(
  ['one service with its five', 'of the floor'],
  found.one.map(({ rival, ratio }) => [rival, times(ratio)]),
)}
Of the sync lists' time, ${number(
  (100 * found.transactions.median) /
    found.table.find((row) => row.rival === 'sync lists').milliseconds.median,
)} % pass in the kernel and the addon; the rest encodes and decodes.
`

const rules = ({ rows }) => {
  const sizes = distinct(rows, 'services')
  return `
### One service more, with two real servers: of the floor's, by services in the table

${table(
  ['', ...sizes.map(count)],
  distinct(rows, 'rival').map((rival) => [
    rival,
    ...sizes.map((size) => times(rows.find((row) => row.rival === rival && row.services === size)?.ratio)),
  ]),
)}`
}

const codec = ({ rows }) => `
### Encoding, of the floor's

${table(
  ['', 'of the floor'],
  rows.filter(({ ratio }) => ratio).map(({ name, ratio }) => [name, figure(ratio)]),
)}`

const parts = { change, load, read, rules, codec }
export const ratios = (cases) =>
  Object.entries(parts)
    .map(([name, part]) => (cases[name] ? part(cases[name]) : ''))
    .join('')
