// What the demo observes, and holds against what was configured: traffic, counters, and ipvsadm's table.
// SPDX-License-Identifier: MIT
import { setTimeout as sleep } from 'node:timers/promises'
import { runIn } from './namespace.mjs'
import { block, check, note } from './report.mjs'
import { formatTable } from './table.mjs'

/** Reads until the value is the wanted one, for at most `seconds`; resolves with the last value. */
export async function eventually(read, wanted, seconds = 5) {
  const deadline = performance.now() + seconds * 1000
  for (;;) {
    const value = await read()
    if (value === wanted || performance.now() > deadline) return value
    await sleep(50)
  }
}

const sorted = (counts) => Object.fromEntries(Object.entries(counts).sort(([a], [b]) => a.localeCompare(b)))

/** Traffic of the client, counted since the beginning. */
export class Traffic {
  /** Connections by server, all that were ever made. */
  connections = {}
  requests = 0
  #ask
  #url

  /** `ask` makes the client do something. */
  constructor(ask, url) {
    this.#ask = ask
    this.#url = url
  }

  #count(answers) {
    for (const [name, count] of Object.entries(answers)) {
      this.connections[name] = (this.connections[name] ?? 0) + count
    }
  }

  /** Makes requests and checks that their numbers are in proportion to the weights. */
  async expect(count, weights) {
    const sum = Object.values(weights).reduce((a, b) => a + b)
    const answers = await this.#ask('requests', count)
    this.requests += count
    this.#count(answers)
    note(`${count} HTTP requests to ${this.#url}`)
    for (const name of Object.keys(sorted({ ...weights, ...answers }))) {
      const weight = name in weights ? `weight ${weights[name]}` : 'no server'
      const observed = `${answers[name] ?? 0}`.padStart(4)
      note(`  ${name.padEnd(10)} ${observed} requests   ${weight}`)
    }
    const expected = Object.entries(weights).map(([name, weight]) => [name, (count * weight) / sum])
    const some = Object.fromEntries(expected.filter(([, number]) => number > 0))
    check(`requests follow the weights ${Object.values(weights).join(':')}`, sorted(answers), sorted(some))
  }

  /** Opens a streaming connection to that server and keeps it. */
  async hold(name) {
    this.#count(await this.#ask('hold', name))
  }

  release = () => this.#ask('release')

  /** Waits until the held connection has brought `count` more lines; resolves with how many came. */
  async linesHeard(count) {
    const before = await this.#ask('heard')
    const enough = async () => (await this.#ask('heard')) - before >= count
    return eventually(enough, true)
  }

  /** Checks the library's connection counters against what the client counted. */
  async expectCounters(ipvs, destinations) {
    const total = Object.values(this.connections).reduce((a, b) => a + b)
    const service = async () => (await ipvs.snapshot()).services[0]
    // The kernel adds its counters up every 2 seconds.
    await eventually(async () => Number((await service()).stats.conns), total)
    const { stats, destinations: found } = await service()
    const named = (address) => destinations.find((destination) => destination.address === address)?.name
    const counted = Object.fromEntries(
      found.map(({ address, stats }) => [named(address), Number(stats.conns)]),
    )
    const wanted = Object.fromEntries(destinations.map(({ name }) => [name, this.connections[name]]))
    check("the kernel's counters, of every server: what the client counted", sorted(counted), sorted(wanted))
    check(`and of the service: ${total} connections`, Number(stats.conns), total)
    return stats
  }
}

/** Prints the library's table in ipvsadm's form, and checks that ipvsadm prints the same bytes. */
export async function showTable(ipvs, { stats = false } = {}) {
  const args = stats ? ['-Ln', '--stats'] : ['-Ln']
  const ours = async () => formatTable(await ipvs.info(), await ipvs.snapshot(), { stats })
  let before
  let theirs
  let after = await ours()
  // Counters move on while two programs read them one after the other: then once more.
  for (let tries = 0; tries < 5; tries++) {
    before = after
    theirs = runIn('director', 'ipvsadm', ...args)
    after = await ours()
    if (theirs === before || theirs === after || before === after) break
  }
  const same = theirs === before ? before : after
  block(same)
  check(`the table is, byte for byte, that of ipvsadm ${args.join(' ')}`, same, theirs)
}
