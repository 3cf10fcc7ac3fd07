// The client in a process of its own: what it costs before anything is compiled or warm, and the memory it takes.
// SPDX-License-Identifier: MIT
//
//   node client.mjs load OPERATIONS | add async|sync TIMES
//
// Works in its network namespace and prints JSON, times in milliseconds.
import { Ipvs, IpvsSync } from '../../dist/index.js'
import { load, newExtra, prepare, serviceKey } from '../operations.mjs'

const [mode, ...words] = process.argv.slice(2)
const megabytes = (bytes) => bytes / 2 ** 20

async function timed(body) {
  const start = performance.now()
  await body()
  return performance.now() - start
}

const modes = {
  async load(operations) {
    const ipvs = await Ipvs.open()
    const prepared = prepare(0, Number(operations))
    const idle = megabytes(process.memoryUsage.rss()) // with what the caller has
    const time = await timed(() => load(ipvs, prepared))
    const peak = process.resourceUsage().maxRSS / 1024
    await ipvs.close()
    return { time, idle, peak }
  },

  /** Real servers of a hundred services, which are there. */
  async add(which, times) {
    const ipvs = which === 'sync' ? IpvsSync.open() : await Ipvs.open()
    const list = []
    for (let i = 0; i < Number(times); i++)
      list.push(await timed(() => ipvs.destinations.add(serviceKey(i % 100), newExtra(i))))
    await ipvs.close()
    return list
  },
}

console.log(JSON.stringify(await modes[mode](...words)))
