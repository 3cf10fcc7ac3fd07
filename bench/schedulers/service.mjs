// A service in a namespace of its own, and where its scheduler sends clients: probe.c asks it in the kernel.
// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { Ipvs } from '../../dist/index.js'

export const web = { protocol: 'tcp', address: '192.0.2.10', port: 80 }
export const ours = ['msh', 'maglev', 'hrw']

/** Servers on hosts of their own, or ten on each. */
export const hosts = (count, weightOf = () => 100) =>
  Array.from({ length: count }, (_, i) => ({
    address: `10.1.${(i + 1) >> 8}.${(i + 1) & 255}`,
    port: 80,
    weight: weightOf(i),
    forwarding: 'masquerading',
  }))
export const ports = (count) =>
  Array.from({ length: count }, (_, i) => ({
    address: `10.2.0.${1 + Math.floor(i / 10)}`,
    port: 8000 + (i % 10),
    weight: 1,
    forwarding: 'masquerading',
  }))

/** As probe.c names a server. */
export const nameOf = ({ address, port }) =>
  address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) * 65536 + port

/** Always the same shuffle of a list. */
export function shuffled(list) {
  const result = [...list]
  let state = 1
  for (let i = result.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    const j = Math.floor((state / 2 ** 32) * (i + 1))
    ;[result[i], result[j]] = [result[j], result[i]]
  }
  return result
}

/** Ends with its standard input, and so with this process. */
const begin = 'ip link set lo up && echo ready && exec cat'

export class Service {
  #holder
  ipvs

  static async begin() {
    const service = new Service()
    service.#holder = spawn('unshare', ['-n', 'sh', '-c', begin], { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(service.#holder.stdout, 'data')
    service.ipvs = await Ipvs.open({ netns: service.#path('ns/net'), deadline: 600_000 })
    return service
  }

  async end() {
    await this.ipvs.close()
    this.#holder.stdin.end()
    await once(this.#holder, 'exit')
  }

  #path(name) {
    return `/proc/${this.#holder.pid}/${name}`
  }

  static async with(body) {
    const service = await Service.begin()
    try {
      return await body(service)
    } finally {
      await service.end()
    }
  }

  /** Adds the servers one by one, in one batch of the client. */
  async fill(scheduler, servers) {
    const { services, destinations } = this.ipvs
    await Promise.all([
      services.add({ ...web, scheduler }),
      ...servers.map((server) => destinations.add(web, server)),
    ])
  }

  async use(scheduler, schedulerFlags = []) {
    await this.ipvs.services.edit(web, { scheduler, schedulerFlags })
    await this.settled(scheduler)
  }

  /** Until our scheduler's table is as new as the servers; the kernel's own are so at once. */
  async settled(scheduler) {
    if (!ours.includes(scheduler)) return
    const file = this.#path(`net/ip_vs_${scheduler}`)
    while (!readFileSync(file, 'utf8').trim().endsWith(' 0')) await setTimeout(2)
  }

  async change(scheduler, body) {
    await body(this.ipvs.destinations)
    await this.settled(scheduler)
  }

  /** The servers of so many clients, 0 for one refused, and the nanoseconds a call of the scheduler took. */
  place(clients, { seed = 0, down = false } = {}) {
    const namespace = openSync(this.#path('ns/net'), 'r')
    const probe = openSync('/proc/ip_vs_probe', 'r+')
    try {
      const port = web.port
      writeSync(probe, `${namespace} C000020A ${port} ${clients} ${seed} ${down ? 1 : 0}`)
      const data = new BigUint64Array(clients + 1)
      const bytes = new Uint8Array(data.buffer)
      for (let at = 0; at < bytes.length; ) {
        const length = readSync(probe, bytes, at, bytes.length - at, at)
        if (length === 0) throw new Error(`the probe gave ${at} of ${bytes.length} bytes`)
        at += length
      }
      return { servers: Float64Array.from(data.subarray(1), Number), nanoseconds: Number(data[0]) / clients }
    } finally {
      closeSync(probe)
      closeSync(namespace)
    }
  }
}
