// A network namespace for one measurement: an IPVS of its own, without the real servers that an earlier one deleted.
// SPDX-License-Identifier: MIT
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { floorProgram } from './setup.mjs'

/** Ends with its standard input, and so with this process. With lo down the kernel refuses real servers. */
const begin = 'ip link set lo up && echo ready && exec cat'
const uses = '/sys/module/ip_vs/refcnt'
/** Each service uses the module once: the count falls when the kernel has taken a namespace apart. */
const countUses = () => (existsSync(uses) ? Number(readFileSync(uses, 'utf8')) : 0)
export const execute = promisify(execFile)
const ample = { maxBuffer: 1 << 30 }

export class Namespace {
  #holder
  #before = countUses()

  static async begin() {
    const namespace = new Namespace()
    namespace.#holder = spawn('unshare', ['-n', 'sh', '-c', begin], { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(namespace.#holder.stdout, 'data')
    return namespace
  }

  /** Gone when this returns: to take a large table apart keeps the kernel busy for a while. */
  async end() {
    const exited = once(this.#holder, 'exit')
    this.#holder.stdin.end()
    await exited
    for (let i = 0; i < 1000 && countUses() > this.#before; i++) await setTimeout(20)
    await setTimeout(50)
  }

  static async with(body) {
    const namespace = await Namespace.begin()
    try {
      return await body(namespace)
    } finally {
      await namespace.end()
    }
  }

  get path() {
    return `/proc/${this.#holder.pid}/ns/net`
  }

  /** A file of /proc as a process of the namespace sees it. */
  proc(name) {
    return `/proc/${this.#holder.pid}/${name}`
  }

  get services() {
    return countUses() - this.#before
  }

  /** The words that run a command here. */
  command(...words) {
    return ['nsenter', `--net=${this.path}`, ...words.map(String)]
  }

  /** What a command prints. */
  async run(...words) {
    const [program, ...args] = this.command(...words)
    return (await execute(program, args, ample)).stdout
  }

  /** The report of floor.c. */
  async floor(...words) {
    return JSON.parse(await this.run(floorProgram, ...words))
  }

  /** The report of a script in rivals/, run in a process of its own. */
  async script(name, ...words) {
    return JSON.parse(await this.run(process.execPath, join(import.meta.dirname, 'rivals', name), ...words))
  }

  fill(operations) {
    return this.floor('fill', operations)
  }

  /** Milliseconds of each job { command, args, input } carried out by a Node process of the namespace, in turn. */
  async processes(jobs, { repeat = 1 } = {}) {
    const [program, ...args] = this.command(
      process.execPath,
      join(import.meta.dirname, 'rivals/processes.mjs'),
    )
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdin.end(JSON.stringify({ jobs, repeat }))
    const chunks = []
    child.stdout.on('data', (chunk) => chunks.push(chunk))
    const [status] = await once(child, 'close')
    if (status !== 0) throw new Error(`${jobs[0].command} ${jobs[0].args.join(' ')}: status ${status}`)
    return JSON.parse(Buffer.concat(chunks).toString())
  }
}
