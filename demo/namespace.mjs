// Network namespaces of the demo's own, and processes in them; both go when the demo ends.
// SPDX-License-Identifier: MIT
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, rmdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Problem } from '../scripts/lib.mjs'

const folder = '/run/netns'
const full = (name) => `ipvs-demo-${name}`
const detached = true // A Ctrl-C at the terminal is for the demo alone, which then ends these in order.

/** The path under which the library opens a namespace. */
export const pathOf = (name) => `${folder}/${full(name)}`

/** Runs a program to its end and returns what it printed. */
function run(command, args, input) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { input, detached, encoding: 'utf8' })
  if (status === 0) return stdout
  throw new Problem(`${[command, ...args].join(' ')}: ${error?.message ?? stderr.trim()}`)
}

const ip = (...args) => run('ip', args)

/** Runs `ip` on a namespace. */
export const ipIn = (name, ...args) => ip('-netns', full(name), ...args)

/** Runs a program in a namespace. */
export const runIn = (name, ...command) => run('ip', ['netns', 'exec', full(name), ...command])

/** Writes kernel settings and runs commands of `ip` in a namespace, in one go. */
export function configure(name, { settings = {}, commands = [] }) {
  const writes = Object.entries(settings).map(([path, value]) => `echo ${value} > /proc/sys/net/${path}`)
  const script = ['set -e', ...writes, 'ip -batch - <<.', ...commands, '.', ''].join('\n')
  run('ip', ['netns', 'exec', full(name), 'sh', '-s'], script)
}

/** Lays wires: each a pair of [namespace, interface]. */
export function connect(wires) {
  const lines = wires.map(
    ([[a, atA], [b, atB]]) =>
      `link add ${atA} netns ${full(a)} type veth peer name ${atB} netns ${full(b)}\n`,
  )
  run('ip', ['-batch', '-'], lines.join(''))
}

/** The namespaces and processes of one run. */
export class Stage {
  #hadFolder = existsSync(folder)
  #names = []
  #processes = []

  /** Makes the namespaces; refuses to touch any that is there already. */
  create(names) {
    const taken = names.map(full).filter((name) => existsSync(`${folder}/${name}`))
    if (taken.length > 0) {
      const removal = taken.map((name) => `ip netns delete ${name}`).join(' && ')
      throw new Problem(
        `there is a network namespace ${taken[0]} already: another demo is running, or one was killed and ` +
          `left it\n\nTo remove what it left:\n\n  ${removal}`,
      )
    }
    for (const name of names) {
      ip('netns', 'add', full(name))
      this.#names.push(name)
    }
  }

  /** Starts a program of the demo in a namespace; resolves when it is ready, with how to ask it something. */
  async start(name, file, args, onEnd) {
    const path = fileURLToPath(new URL(file, import.meta.url))
    const child = spawn('ip', ['netns', 'exec', full(name), process.execPath, path, ...args], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached,
    })
    const ended = new Promise((done) => {
      child.on('error', done)
      child.on('exit', done)
    })
    const process_ = { child, ended, ending: false }
    this.#processes.push(process_)
    const lost = ended.then(() => {
      throw new Problem(`${name} has ended`)
    })
    lost.catch(() => process_.ending || onEnd(name))
    const reply = () => Promise.race([new Promise((done) => child.once('message', done)), lost])
    await reply()
    return async (...question) => {
      const answer = reply()
      child.send(question)
      const { result, error } = await answer
      if (error !== undefined) throw new Problem(`${name}: ${error}`)
      return result
    }
  }

  /** Ends every process and removes every namespace; goes on past what cannot be removed, and says so. */
  async clear() {
    for (const process_ of this.#processes) {
      process_.ending = true
      process_.child.kill('SIGKILL')
    }
    await Promise.all(this.#processes.map(({ ended }) => ended))
    const problems = []
    for (const name of this.#names) {
      try {
        ip('netns', 'delete', full(name))
      } catch (error) {
        problems.push(error.message)
      }
    }
    if (!this.#hadFolder && existsSync(folder)) {
      // `ip` made it, and mounted it upon itself. Neither works while somebody else has a namespace there.
      spawnSync('umount', [folder])
      try {
        rmdirSync(folder)
      } catch {}
    }
    return problems
  }
}
