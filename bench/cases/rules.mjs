// One service more, with two real servers: as firewall rules, as processes of ipvsadm, and by the client.
// SPDX-License-Identifier: MIT
import { Ipvs } from '../../dist/index.js'
import { figure, inTurn, ratio } from '../figures.mjs'
import { Namespace } from '../namespace.mjs'
import { load, operationsFor, PORT, prepare, serverKey, serviceKey } from '../operations.mjs'
import { iptablesRules, iptablesTable, nftTable } from '../rivals/firewall.mjs'

const sum = (list) => list.reduce((total, value) => total + value, 0)

const iptables = (rule) => ({ command: 'iptables-legacy', args: ['-t', 'nat', ...rule.split(' ')] })
const restore = (input) => ({ command: 'iptables-legacy-restore', args: ['--noflush'], input })
const nft = (input) => ({ command: 'nft', args: ['-f', '-'], input })

/** A process for each of three rules. */
function ipvsadm(index) {
  const service = `${serviceKey(index).address}:${PORT}`
  const servers = [1, 2].map((place) => `${serverKey(index, place).address}:${PORT}`)
  const rules = [`-A -t ${service} -s wlc`, ...servers.map((server) => `-a -t ${service} -r ${server} -m`)]
  return rules.map((rule) => ({ command: 'ipvsadm', args: rule.split(' ') }))
}

const MANY = 5000

/** Service, and two of its real servers. */
const OPERATIONS = 3

/** Each makes service `index` and gives the milliseconds. */
const ways = ({ firewall, nftables, table, ipvs }) => ({
  floor: async (index) => {
    const from = operationsFor(index)
    return (await table.floor('fill', from + OPERATIONS, from)).nanoseconds / 1e6
  },
  client: async (index) => {
    const from = operationsFor(index)
    const prepared = prepare(from, from + OPERATIONS)
    const start = performance.now()
    await load(ipvs, prepared)
    return performance.now() - start
  },
  'ipvsadm, 3 processes': async (index) => sum(await table.processes(ipvsadm(index))),
  'nft -f': async (index) => sum(await nftables.processes([nft(nftTable(index, index + 1))])),
  'iptables-restore --noflush': async (index) =>
    sum(await firewall.processes([restore(iptablesTable(index, index + 1))])),
  /** Each reads and writes the whole table: two of them, a chain and a rule, stand for all where that takes long. */
  'iptables, 11 processes': async (index) => {
    const rules = iptablesRules(index)
    if (index < MANY) return sum(await firewall.processes(rules.map(iptables)))
    const [chain, rule] = [rules[0], `-A SERVICES -d ${serviceKey(index).address}/32 -j RETURN`]
    return (sum(await firewall.processes([chain, rule].map(iptables))) * rules.length) / 2
  },
})

async function atSize(services, rounds) {
  const [firewall, nftables, table] = [
    await Namespace.begin(),
    await Namespace.begin(),
    await Namespace.begin(),
  ]
  const ipvs = await Ipvs.open({ netns: table.path })
  try {
    const loading = {
      'iptables-restore': sum(await firewall.processes([restore(iptablesTable(0, services))])),
      'nft -f': sum(await nftables.processes([nft(nftTable(0, services))])),
    }
    const prepared = prepare(0, operationsFor(services))
    const started = performance.now()
    await load(ipvs, prepared)
    loading.client = performance.now() - started
    const rivals = ways({ firewall, nftables, table, ipvs })
    let next = services
    const runs = await inTurn(rounds, Object.keys(rivals), (rival) => rivals[rival](next++))
    return {
      ...{ services, loading },
      rows: Object.keys(runs).map((rival) => ({
        ...{ services, rival, milliseconds: figure(runs[rival]) },
        ratio: ratio(runs[rival], runs.floor),
      })),
    }
  } finally {
    await ipvs.close()
    for (const namespace of [table, nftables, firewall]) await namespace.end()
  }
}

export async function rules({ quick, log }) {
  const sizes = []
  const rounds = quick ? { 100: 1 } : { 1000: 5, 5000: 3, 20000: 1 }
  for (const [services, times] of Object.entries(rounds)) {
    sizes.push(await atSize(Number(services), times))
    log(`one service more among ${services}`)
  }
  return {
    sizes: sizes.map(({ services, loading }) => ({ services, loading })),
    rows: sizes.flatMap(({ rows }) => rows),
  }
}
