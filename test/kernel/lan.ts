// A switch with machines on it, each a network namespace with an interface eth0; their traffic, and what the switch sees.
// SPDX-License-Identifier: MIT

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { type Namespace, namespace } from './namespace.ts'

const script = fileURLToPath(new URL('lan.py', import.meta.url))
/** The program itself: what stands in front of it on some machines takes longer than the rest. */
const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], {
  encoding: 'utf8',
}).trim()

/** What the switch took from a port: ARP, or neighbour discovery. */
export interface Seen {
  readonly port: string
  readonly what: 'arp-request' | 'arp-reply' | 'solicitation' | 'advertisement'
  readonly source: string
  readonly target: string
  readonly flags?: number
}

/** A process of lan.py, and the JSON lines that it prints. It ends with the test. */
export class Peer<T> {
  readonly lines: T[] = []
  readonly #child: ChildProcess
  #tell: (() => void) | undefined

  constructor(netns: Namespace, ...args: readonly string[]) {
    this.#child = spawn('ip', ['netns', 'exec', netns.name, python, script, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    createInterface(this.#child.stdout!).on('line', (line) => {
      this.lines.push(JSON.parse(line) as T)
      this.#tell?.()
    })
    const ended = once(this.#child, 'exit')
    onTestFinished(async () => {
      this.#child.kill('SIGKILL')
      await ended
    })
  }

  /** Waits until a line fits, for so many milliseconds; undefined if none does. */
  async until(fits: (line: T) => boolean, patience = 60_000): Promise<T | undefined> {
    const end = performance.now() + patience
    for (let i = 0; ; ) {
      for (; i < this.lines.length; i++) if (fits(this.lines[i]!)) return this.lines[i]
      const left = end - performance.now()
      if (left <= 0) return undefined
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#tell = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  async ready(): Promise<this> {
    await this.until((line) => (line as unknown) === 'ready')
    this.lines.shift()
    return this
  }
}

export interface Lan<Name extends string> {
  readonly machines: Readonly<Record<Name, Namespace>>
  /** Starts to watch the ports of the switch; those have the names of the machines. */
  capture(): Promise<Peer<Seen>>
}

/** Machine number i has the addresses 192.0.2.i and 2001:db8::i. */
export const lan = async <Name extends string>(
  numbers: Readonly<Record<Name, number>>,
): Promise<Lan<Name>> => {
  const middle = namespace()
  middle.exec('ip', 'link', 'add', 'bridge', 'type', 'bridge', 'mcast_snooping', '0')
  middle.exec('ip', 'link', 'set', 'bridge', 'up')
  const attach = ([name, number]: [string, number]): [string, Namespace] => {
    const machine = namespace()
    execFileSync('ip', [
      'link',
      'add',
      'eth0',
      'netns',
      machine.name,
      'type',
      'veth',
      'peer',
      name,
      'netns',
      middle.name,
    ])
    execFileSync('ip', ['-n', middle.name, 'link', 'set', name, 'master', 'bridge', 'up'])
    const commands = [
      // Link-local addresses at once; and strict filters, which a tunnel has to live with.
      'sysctl -qw net.ipv6.conf.eth0.accept_dad=0 net.ipv4.conf.all.rp_filter=1',
      'ip -batch - <<.',
      'link set eth0 up',
      `address add 192.0.2.${number}/24 dev eth0`,
      `address add 2001:db8::${number}/64 dev eth0 nodad`,
      '.',
    ]
    machine.exec('sh', '-ec', commands.join('\n'))
    return [name, machine]
  }
  const machines = Object.fromEntries((Object.entries(numbers) as [Name, number][]).map(attach))
  return {
    machines: machines as Record<Name, Namespace>,
    capture: () => new Peer<Seen>(middle, 'capture').ready(),
  }
}

export const serve = (machine: Namespace, name: string): Promise<Peer<string>> =>
  new Peer<string>(machine, 'serve', name).ready()

let port = 20_000
/**
 * Who answers so many connections to an address: each from a port of its own, because the kernel may take one of
 * before again, and to a director that is no new connection.
 */
export const ask = (machine: Namespace, address: string, count: number): readonly (string | null)[] => {
  port += count
  return JSON.parse(machine.exec(python, script, 'ask', address, `${count}`, `${port - count}`))
}
