// The tables of absolute numbers, one for each case that was run.
// SPDX-License-Identifier: MIT
import { count, figure, number, table } from './format.mjs'

const change = ({ rows, cold, inTransaction }) => `
### One change, awaited: microseconds

${table(
  ['', 'services', 'p50', 'p99', 'rounds × calls'],
  rows.map(({ rival, change, services, p50, p99, calls }) => [
    `${rival}: ${change}`,
    count(services),
    figure(p50),
    figure(p99),
    `${p50.runs} × ${calls}`,
  ]),
)}
Of an edit by the sync client pass in the native transaction (kernel, addon, copying): ${figure(inTransaction)}
microseconds.

A new process that adds one real server after the other:

${table(
  ['', 'first call', 'calls 2 to 20', 'last hundred', 'runs'],
  cold.map(({ rival, first, early, late }) => [
    rival,
    figure(first),
    figure(early),
    figure(late),
    first.runs,
  ]),
)}`

const note = ({ failure, measured, milliseconds }) => {
  if (failure) return `not possible: ${failure.split('\n')[0]}`
  if (measured) return `${milliseconds.runs} runs; reckoned from ${measured} of them`
  return `${milliseconds.runs} runs`
}

const load = ({ rows, syscalls }) => `
### Bulk load

${table(
  ['', 'operations', 'milliseconds', 'operations a second', 'MB above idle', ''],
  rows.map((row) => [
    row.rival,
    count(row.operations),
    figure(row.milliseconds),
    figure(row.perSecond),
    row.above ? `${figure(row.above)} (idle ${number(row.idle.median)})` : '',
    note(row),
  ]),
)}
Calls of ${count(syscalls[0].operations)} operations, set-up included, counted by strace in runs of their own; one
process of ipvsadm for each rule makes two of each in every one of them:

${table(
  ['', 'sendmsg, sendto', 'recvmsg, recvfrom'],
  syscalls.map(({ rival, sends, receives }) => [rival, count(sends), count(receives)]),
)}`

const read = (found) => `
### Reading

${table(
  ['the whole table', 'first time', 'milliseconds', 'runs'],
  found.table.map(({ rival, first, milliseconds }) => [
    rival,
    number(first),
    figure(milliseconds),
    milliseconds.runs,
  ]),
)}
In transactions of the sync lists: ${figure(found.transactions)} ms.

${table(
  ['one service', 'p50, microseconds', 'p99'],
  found.one.map(({ rival, p50, p99 }) => [rival, figure(p50), figure(p99)]),
)}`

const loop = ({ operations, rows, first, idle }) => `
### The event loop while ${count(operations)} operations are applied

Milliseconds by which a timer of 1 ms was late; an idle process of this machine: ${number(idle)} at most.

${table(
  ['operations given at once', 'latest', 'p99', 'all applied after', 'runs'],
  rows.map(({ chunk, max, p99, milliseconds }) => [
    count(chunk),
    figure(max),
    figure(p99),
    figure(milliseconds),
    max.runs,
  ]),
)}
The first time, 256 at once, with nothing compiled yet: ${number(first.max)} at most, ${number(first.time)} in all.
`

const rules = ({ sizes, rows }) => `
### One service more, with two real servers: milliseconds

${table(
  ['', 'services', 'milliseconds', 'runs'],
  rows.map(({ rival, services, milliseconds }) => [
    rival,
    count(services),
    figure(milliseconds),
    milliseconds.runs,
  ]),
)}
The whole table, from nothing, once (firewall rules: eight for a service with two endpoints; client: five real servers):

${table(
  ['services', ...Object.keys(sizes[0].loading)],
  sizes.map(({ services, loading }) => [count(services), ...Object.values(loading).map(number)]),
)}`

const codec = ({ rows, replyBytes }) => `
### Encoding and decoding alone, on the host: nanoseconds for each real server

${table(
  ['', 'nanoseconds', 'runs'],
  rows.map(({ name, nanoseconds }) => [name, figure(nanoseconds), nanoseconds.runs]),
)}
A reply about a real server has ${replyBytes} bytes.
`

const parts = { change, load, read, loop, rules, codec }
export const absolutes = (cases) =>
  Object.entries(parts)
    .map(([name, part]) => (cases[name] ? part(cases[name]) : ''))
    .join('')
