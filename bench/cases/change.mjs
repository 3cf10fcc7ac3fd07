// One rule changed and awaited, with few and with many services in the table.
// SPDX-License-Identifier: MIT
import { Ipvs, IpvsSync } from '../../dist/index.js'
import { figure, inTurn, quantile, ratio } from '../figures.mjs'
import { Namespace } from '../namespace.mjs'
import { allSettings, extraKey, newExtra, operationsFor, PORT, serviceKey } from '../operations.mjs'
import { transactionsOf } from '../transactions.mjs'

/** Microseconds of each of so many awaited calls. */
async function latencies(times, call) {
  const list = []
  for (let i = 0; i < times; i++) {
    const start = performance.now()
    await call(i)
    list.push(1000 * (performance.now() - start))
  }
  return list
}

/** The same without await, which would wait for other work of the process. */
function latenciesSync(times, call) {
  const list = []
  for (let i = 0; i < times; i++) {
    const start = performance.now()
    call(i)
    list.push(1000 * (performance.now() - start))
  }
  return list
}

/** The changes by their name, on a client; edits go from weight 1 to 2 and to 3. */
const changes = ({ destinations }, services) => ({
  add: (i) => destinations.add(serviceKey(i % services), newExtra(i)),
  edit: (i) => destinations.edit(serviceKey(i % services), extraKey(i), allSettings(2)),
  'edit weight only': (i) => destinations.edit(serviceKey(i % services), extraKey(i), { weight: 3 }),
  delete: (i) => destinations.delete(serviceKey(i % services), extraKey(i)),
})

const clients = {
  async async({ path }, services, times) {
    const ipvs = await Ipvs.open({ netns: path })
    const results = {}
    for (const [name, call] of Object.entries(changes(ipvs, services)))
      results[name] = await latencies(times, call)
    await ipvs.close()
    return results
  },

  async sync({ path }, services, times) {
    const ipvs = IpvsSync.open({ netns: path })
    const results = {}
    for (const [name, call] of Object.entries(changes(ipvs, services)))
      results[name] = latenciesSync(times, call)
    ipvs.close()
    return results
  },

  async floor(namespace, services, times) {
    const report = await namespace.floor('change', services, times)
    return Object.fromEntries(
      Object.entries(report).map(([name, list]) => [name, list.map((time) => time / 1000)]),
    )
  },

  async 'ipvsadm, a process each'(namespace, services, times) {
    const few = Math.max(2, Math.round(times / 40))
    const rule = (flag, ...more) =>
      Array.from({ length: few }, (_, i) => {
        const [service, server] = [serviceKey(i % services).address, extraKey(i).address]
        const args = [flag, '-t', `${service}:${PORT}`, '-r', `${server}:${PORT}`, ...more]
        return { command: 'ipvsadm', args }
      })
    const all = [...rule('-a', '-m', '-w', '1'), ...rule('-e', '-m', '-w', '2'), ...rule('-d')]
    const list = (await namespace.processes(all)).map((time) => 1000 * time)
    return { add: list.slice(0, few), edit: list.slice(few, 2 * few), delete: list.slice(2 * few) }
  },
}

const floorOf = { add: 'add', edit: 'edit', 'edit weight only': 'edit', delete: 'delete' }

/** Rows of one size of the table. */
async function atSize(services, rounds, times) {
  const rivals = Object.keys(clients)
  const runs = await inTurn(rounds, rivals, (rival) =>
    Namespace.with(async (namespace) => {
      await namespace.fill(operationsFor(services))
      return clients[rival](namespace, services, times)
    }),
  )
  const of = (rival, change, part) => runs[rival].map((run) => quantile(run[change], part))
  return rivals.flatMap((rival) =>
    Object.keys(runs[rival][0]).map((change) => ({
      ...{ services, rival, change, calls: runs[rival][0][change].length },
      p50: figure(of(rival, change, 0.5)),
      p99: figure(of(rival, change, 0.99)),
      ratio: ratio(of(rival, change, 0.5), of('floor', floorOf[change], 0.5)),
      ratioOfP99: ratio(of(rival, change, 0.99), of('floor', floorOf[change], 0.99)),
    })),
  )
}

/** The first call of a process, the median of calls 2 to 20, and that of its last hundred. */
async function cold(rounds, times) {
  const runs = await inTurn(rounds, ['async', 'sync'], (which) =>
    Namespace.with(async (namespace) => {
      await namespace.fill(operationsFor(100))
      return namespace.script('client.mjs', 'add', which, times)
    }),
  )
  const middle = (list) => quantile(list, 0.5)
  return Object.entries(runs).map(([rival, lists]) => ({
    rival,
    first: figure(lists.map(([time]) => 1000 * time)),
    early: figure(lists.map((list) => 1000 * middle(list.slice(1, 20)))),
    late: figure(lists.map((list) => 1000 * middle(list.slice(-100)))),
  }))
}

/** Microseconds of the native transaction in an edit by the synchronous client: kernel, addon and copying. */
async function transactions(rounds, times) {
  const runs = []
  for (let i = 0; i < rounds; i++)
    await Namespace.with(async (namespace) => {
      await namespace.fill(operationsFor(100))
      const ipvs = IpvsSync.open({ netns: namespace.path })
      const { add, edit } = changes(ipvs, 100)
      for (let i = 0; i < times; i++) add(i)
      const list = transactionsOf(() => latenciesSync(times, edit))
      ipvs.close()
      runs.push(1000 * quantile(list, 0.5))
    })
  return figure(runs)
}

/** Until the code of both clients is compiled as well as it will ever be. */
async function warmUp(times) {
  for (const client of ['async', 'sync'])
    await Namespace.with(async (namespace) => {
      await namespace.fill(operationsFor(100))
      await clients[client](namespace, 100, times)
    })
}

export async function change({ quick, log }) {
  const [rounds, times] = quick ? [1, 40] : [5, 400]
  await warmUp(quick ? 40 : 3000)
  const rows = []
  for (const services of quick ? [10, 500] : [10, 1000, 10_000]) {
    rows.push(...(await atSize(services, rounds, times)))
    log(`one rule changed among ${services} services`)
  }
  const inTransaction = await transactions(rounds, times)
  return { rows, inTransaction, cold: await cold(quick ? 1 : 5, quick ? 40 : 1000) }
}
