// Bulk load: a table of services with five real servers each, from nothing.
// SPDX-License-Identifier: MIT
import { join } from 'node:path'
import { Ipvs } from '../../dist/index.js'
import { figure, inTurn, ratio } from '../figures.mjs'
import { Namespace } from '../namespace.mjs'
import { ipvsadmRules, load as loadAll, operationsFor, prepare } from '../operations.mjs'
import { keepalived } from '../rivals/keepalived.mjs'
import { callsOf } from '../syscalls.mjs'

/** Made once: a caller has its table for longer than a round, and young objects are dear to the collector. */
const lists = new Map()
function preparedFor(operations) {
  if (!lists.has(operations)) lists.set(operations, prepare(0, operations))
  return lists.get(operations)
}

/** Each gives { time } in milliseconds, and memory in MB where it is asked for. */
const ways = {
  async client({ path }, operations) {
    const ipvs = await Ipvs.open({ netns: path })
    const prepared = preparedFor(operations)
    const start = performance.now()
    await loadAll(ipvs, prepared)
    const time = performance.now() - start
    await ipvs.close()
    return { time }
  },
  'client, new process': (namespace, operations) => namespace.script('client.mjs', 'load', operations),
  async 'floor, batched'(namespace, operations) {
    return { time: (await namespace.fill(operations)).nanoseconds / 1e6 }
  },
  async 'floor, one by one'(namespace, operations) {
    return { time: (await namespace.floor('each', operations)).nanoseconds / 1e6 }
  },
  async 'ipvsadm -R'(namespace, operations) {
    const input = `${ipvsadmRules(operations).join('\n')}\n`
    const [time] = await namespace.processes([{ command: 'ipvsadm', args: ['-R'], input }])
    return { time }
  },
  // With many requests in flight the package ends the process: what it said stands in the table.
  'npm netlink, all at once': (namespace, operations) =>
    namespace.script('netlink.mjs', operations, operations),
  'npm netlink, 128 at once': (namespace, operations) => namespace.script('netlink.mjs', operations, 128),
  async keepalived(namespace, operations) {
    return { time: await keepalived(namespace, operations / operationsFor(1)) }
  },
  async pyroute2(namespace, operations) {
    const program = join(import.meta.dirname, '../rivals/load_by_pyroute2.py')
    return JSON.parse(await namespace.run('/usr/bin/python3', program, operations))
  },
}

/** One process for each rule: a part of them is run, and the rest reckoned from it. */
const oneProcessEach = (part) => async (namespace, operations) => {
  const jobs = ipvsadmRules(part).map((rule) => ({ command: 'ipvsadm', args: rule.split(' ') }))
  const times = await namespace.processes(jobs)
  return { time: (times.reduce((sum, time) => sum + time, 0) * operations) / part }
}

/** What a program said last, rather than that it failed. */
const reasonOf = ({ message, stderr, signal }) =>
  [stderr?.trim().split('\n').at(-1).trim() || message, signal].filter(Boolean).join(', ')

/** Rows of one number of operations. A way that fails says why in its row; at least the floor must work. */
async function rowsOf(operations, rounds, rivals) {
  const failures = {}
  const runs = await inTurn(rounds, Object.keys(rivals), (rival) =>
    Namespace.with(async (namespace) => {
      if (failures[rival] !== undefined) return { time: Number.NaN }
      try {
        const result = await rivals[rival](namespace, operations)
        if (result.missing) failures[rival] = `version ${result.version}: ${result.missing}`
        else return result
      } catch (error) {
        if (rival.startsWith('floor') || rival.startsWith('client')) throw error
        failures[rival] = reasonOf(error)
      }
      return { time: Number.NaN }
    }),
  )
  const times = (rival) => runs[rival].map(({ time }) => time)
  return Object.keys(rivals).map((rival) => {
    if (failures[rival] !== undefined) return { operations, rival, failure: failures[rival] }
    const extra = runs[rival][0].peak === undefined ? {} : memory(runs[rival])
    return {
      ...{ operations, rival, milliseconds: figure(times(rival)), ...extra },
      perSecond: figure(times(rival).map((time) => (1000 * operations) / time)),
      ratio: ratio(times(rival), times('floor, batched')),
    }
  })
}

const memory = (runs) => ({
  idle: figure(runs.map(({ idle }) => idle)),
  above: figure(runs.map(({ idle, peak }) => peak - idle)),
})

async function warmUp(operations, times) {
  for (let i = 0; i < times; i++) await Namespace.with((namespace) => ways.client(namespace, operations))
}

const few = Object.fromEntries(
  ['client', 'client, new process', 'floor, batched', 'floor, one by one'].map((name) => [name, ways[name]]),
)
/** With the floor beside them, which every ratio needs. */
const slow = Object.fromEntries(
  Object.entries(ways).filter(([name]) => name === 'floor, batched' || few[name] === undefined),
)

export async function load({ quick, log }) {
  const [small, large] = quick ? [1200, 6000] : [12_000, 100_000]
  await warmUp(small, quick ? 1 : 5)
  const rows = await rowsOf(small, quick ? 1 : 9, few)
  const [, ...others] = await rowsOf(small, quick ? 1 : 3, slow)
  rows.push(...others)
  log(`${small} operations, all rivals`)
  const part = quick ? 12 : 60
  const each = { 'floor, batched': ways['floor, batched'], 'ipvsadm, a process each': oneProcessEach(part) }
  const [, row] = await rowsOf(small, quick ? 1 : 3, each)
  rows.push({ ...row, measured: part })
  log(`${part} operations by a process each`)
  rows.push(...(await rowsOf(large, quick ? 1 : 3, few)))
  log(`${large} operations`)
  const syscalls = await callsOf(quick ? 240 : small, { brief: quick })
  log('system calls counted')
  return { small, large, rows, syscalls }
}
