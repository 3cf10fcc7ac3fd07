// Reading: the whole table, and one service with its real servers; what the kernel takes of it, and what decoding.
// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import { Ipvs, IpvsSync } from '../../dist/index.js'
import { figure, inTurn, quantile, ratio } from '../figures.mjs'
import { Namespace } from '../namespace.mjs'
import { operationsFor, PER_SERVICE, serviceKey } from '../operations.mjs'
import { transactionsOf } from '../transactions.mjs'

async function timed(body) {
  const start = performance.now()
  await body()
  return performance.now() - start
}

/** Services, and the real servers of each; of snapshot(), that is one of three parts. */
const lists = {
  async async(ipvs) {
    const services = await ipvs.services.list()
    return (await Promise.all(services.map((service) => ipvs.destinations.list(service)))).flat().length
  },
  sync(ipvs) {
    return ipvs.services.list().flatMap((service) => ipvs.destinations.list(service)).length
  },
}

function check(found, services) {
  if (found !== services * PER_SERVICE) throw new Error(`found ${found} real servers`)
}

/** Milliseconds of one reading of the table by every rival. */
const wholeTable = (namespace, ipvs, sync, services) => ({
  floor: async () => (await namespace.floor('read')).nanoseconds / 1e6,
  'floor, reading as snapshot() does': async () =>
    (await namespace.floor('read', 'careful')).nanoseconds / 1e6,
  'async lists': () => timed(async () => check(await lists.async(ipvs), services)),
  'sync lists': () => timed(() => check(lists.sync(sync), services)),
  'async snapshot()': () =>
    timed(async () =>
      check((await ipvs.snapshot()).services.flatMap((s) => s.destinations).length, services),
    ),
  'sync snapshot()': () =>
    timed(() => check(sync.snapshot().services.flatMap((s) => s.destinations).length, services)),
  'ipvsadm -Sn': async () => (await namespace.processes([{ command: 'ipvsadm', args: ['-Sn'] }]))[0],
  'ipvsadm -Ln': async () => (await namespace.processes([{ command: 'ipvsadm', args: ['-Ln'] }]))[0],
  '/proc/net/ip_vs': () => timed(() => readFileSync(namespace.proc('net/ip_vs'))),
})

/** Microseconds of each reading of one service, warm. */
const oneService = (namespace, ipvs, sync, services, times) => ({
  floor: async () => (await namespace.floor('one', services, times)).map((time) => time / 1000),
  async: async () => {
    const list = []
    for (let i = 0; i < times; i++) {
      const key = serviceKey(i % services)
      list.push(
        1000 * (await timed(() => Promise.all([ipvs.services.get(key), ipvs.destinations.list(key)]))),
      )
    }
    return list
  },
  sync: () => {
    const list = []
    for (let i = 0; i < times; i++) {
      const key = serviceKey(i % services)
      const start = performance.now()
      sync.services.get(key)
      sync.destinations.list(key)
      list.push(1000 * (performance.now() - start))
    }
    return list
  },
})

const sum = (list) => list.reduce((total, value) => total + value, 0)
const runInTurn = (rounds, rivals) => inTurn(rounds, Object.keys(rivals), (rival) => rivals[rival]())

async function measure(namespace, services, { rounds, times }) {
  await namespace.fill(operationsFor(services))
  const ipvs = await Ipvs.open({ netns: namespace.path })
  const sync = IpvsSync.open({ netns: namespace.path })
  const rivals = wholeTable(namespace, ipvs, sync, services)
  const first = {}
  for (const name of Object.keys(rivals)) first[name] = await rivals[name]()
  const whole = await runInTurn(rounds, rivals)
  const ones = await runInTurn(rounds, oneService(namespace, ipvs, sync, services, times))
  const p50 = (name) => ones[name].map((list) => quantile(list, 0.5))
  const transactions = []
  for (let i = 0; i < rounds; i++) transactions.push(sum(transactionsOf(() => lists.sync(sync))))
  await ipvs.close()
  sync.close()
  return {
    services,
    table: Object.keys(whole).map((rival) => ({
      ...{ rival, first: first[rival], milliseconds: figure(whole[rival]) },
      ratio: ratio(whole[rival], whole.floor),
    })),
    one: Object.keys(ones).map((rival) => ({
      ...{ rival, p50: figure(p50(rival)), p99: figure(ones[rival].map((list) => quantile(list, 0.99))) },
      ratio: ratio(p50(rival), p50('floor')),
    })),
    /** Of 'sync lists': in the transaction; the rest is encoding and decoding. */
    transactions: figure(transactions),
  }
}

export async function read({ quick, log }) {
  const services = quick ? 200 : 2000
  const result = await Namespace.with((namespace) =>
    measure(namespace, services, { rounds: quick ? 1 : 7, times: quick ? 50 : 500 }),
  )
  log(`${services} services read`)
  return result
}
