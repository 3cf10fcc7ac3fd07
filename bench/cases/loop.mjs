// The event loop while many operations are applied: its longest block, by how many are given to the client at once.
// SPDX-License-Identifier: MIT
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { Ipvs } from '../../dist/index.js'
import { figure, inTurn } from '../figures.mjs'
import { Namespace } from '../namespace.mjs'
import { load, prepare } from '../operations.mjs'

const RESOLUTION = 1

/** A chunk in each turn of the event loop; the kernel has at most two chunks before it, so that it never waits. */
async function apply(ipvs, prepared, chunk) {
  const flight = []
  for (let at = 0; at < prepared.length; at += chunk) {
    flight.push(load(ipvs, prepared, at, Math.min(prepared.length, at + chunk)))
    await setImmediate()
    if (flight.length > 2) await flight.shift()
  }
  await Promise.all(flight)
}

/** Milliseconds: all of it, and how late the monitor's timer of 1 ms came at most, and in the hundredth worst case. */
const measure = (prepared, chunk) =>
  Namespace.with(async ({ path }) => {
    const ipvs = await Ipvs.open({ netns: path })
    const histogram = monitorEventLoopDelay({ resolution: RESOLUTION })
    histogram.enable()
    await setTimeout(20)
    histogram.reset()
    await setTimeout(5) // the first interval after a reset is not noted
    const start = performance.now()
    await apply(ipvs, prepared, chunk)
    const time = performance.now() - start
    await setTimeout(20) // A block is noted by the timer that comes after it.
    histogram.disable()
    await ipvs.close()
    const late = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION)
    return { time, max: late(histogram.max), p99: late(histogram.percentile(99)) }
  })

/** The same timer while nothing happens at all: what the machine itself does to it. */
async function idle() {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION })
  histogram.enable()
  await setTimeout(1000)
  histogram.disable()
  return histogram.max / 1e6 - RESOLUTION
}

export async function loop({ quick, log }) {
  const operations = quick ? 6000 : 100_000
  const prepared = prepare(0, operations)
  const chunks = [128, 256, 512, 2048]
  const first = await measure(prepared, 256)
  await measure(prepared, 2048)
  const runs = await inTurn(quick ? 1 : 3, chunks.map(String), (chunk) => measure(prepared, Number(chunk)))
  log(`${operations} operations beside the event loop`)
  const of = (chunk, name) => figure(runs[chunk].map((run) => run[name]))
  return {
    operations,
    idle: await idle(),
    first,
    rows: chunks.map((chunk) => ({
      ...{ chunk, milliseconds: of(chunk, 'time'), max: of(chunk, 'max'), p99: of(chunk, 'p99') },
    })),
  }
}
