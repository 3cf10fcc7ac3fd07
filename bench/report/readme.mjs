// The part of the README between its markers: the one table and the one plot that matter.
// SPDX-License-Identifier: MIT
import { count, number, table } from './format.mjs'

const scale = (microseconds) =>
  microseconds < 1000
    ? `${number(microseconds)} µs`
    : microseconds < 1e6
      ? `${number(microseconds / 1000)} ms`
      : `${number(microseconds / 1e6)} s`

/** Its time and, in units of the floor, how much that is. */
const cell = (microseconds, floor) =>
  microseconds === undefined
    ? '–'
    : `${scale(microseconds)}${floor ? ` (${number(microseconds / floor)} ×)` : ''}`

export function readme({ date, kernel, cases }) {
  const { small, rows } = cases.load
  const add = (rival) =>
    cases.change.rows.find((r) => r.rival === rival && r.services === 1000 && r.change === 'add')?.p50.median
  const bulk = (rival) => {
    const median = rows.find((r) => r.rival === rival && r.operations === small)?.milliseconds?.median
    return median === undefined ? undefined : 1000 * median
  }
  const whole = (rival) => 1000 * cases.read.table.find((row) => row.rival === rival).milliseconds.median
  const line = (name, one, many, reading) => [
    name,
    cell(one && add(one), add('floor')),
    cell(many && bulk(many), bulk('floor, batched')),
    cell(reading && whole(reading), whole('floor')),
  ]
  return `Linux ${kernel.replace(/-amd64$/, '')} in an emulated machine on ${date}, where only ratios tell; in brackets, of a minimal C program
that does the same to the kernel and decodes nothing (\`npm run bench\`; all of it in
[RESULTS.md](bench/RESULTS.md)):

${table(
  ['', 'one real server added', `${count(small)} operations`, `read ${count(cases.read.services)} × 5`],
  [
    line('floor in C', 'floor', 'floor, batched', 'floor'),
    line('`Ipvs`', 'async', 'client', 'async snapshot()'),
    line('`IpvsSync`', 'sync', undefined, 'sync snapshot()'),
    line('`ipvsadm -R`, `-Sn`', undefined, 'ipvsadm -R', 'ipvsadm -Sn'),
    line('a process of `ipvsadm` each', 'ipvsadm, a process each', 'ipvsadm, a process each', undefined),
    line('keepalived', undefined, 'keepalived', undefined),
    line('npm `netlink`, by hand', undefined, 'npm netlink, 128 at once', undefined),
  ],
)}
![One change against the number of services in the table](bench/plots/change.svg)

`
}
