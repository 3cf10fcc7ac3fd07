// Processes of examples/ in a namespace, their output, and HTTP traffic beside them.
// SPDX-License-Identifier: MIT

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished } from 'vitest'
import type { Namespace } from './namespace.ts'
import { patience } from './slowness.ts'

export const example = (name: string): string =>
  fileURLToPath(new URL(`../../examples/${name}`, import.meta.url))

/** For whatever a process needs some time to do. */
export const soon = { timeout: 30_000 * patience, interval: 50 }

/** A process of Node.js in a namespace; it ends with the test. */
export class Process {
  readonly #child: ChildProcess
  readonly ended: Promise<readonly [number | null, NodeJS.Signals | null]>
  /** What it printed, errors among it. */
  output = ''

  constructor(netns: Namespace, script: string, ...args: readonly string[]) {
    this.#child = spawn('ip', ['netns', 'exec', netns.name, process.execPath, script, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const take = (data: Buffer): void => {
      this.output += data
    }
    this.#child.stdout!.on('data', take)
    this.#child.stderr!.on('data', take)
    this.ended = once(this.#child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
    onTestFinished(async () => {
      this.#child.kill('SIGKILL')
      await this.ended
    })
  }

  /** Waits until it has printed this. */
  async printed(text: string | RegExp): Promise<void> {
    await expect.poll(() => this.output, soon).toMatch(text)
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  write(line: string): void {
    this.#child.stdin!.write(`${line}\n`)
  }
}

export interface Traffic {
  /** How often each answer came. */
  readonly answers: Readonly<Record<string, number>>
  readonly failures: readonly string[]
}

const script = fileURLToPath(new URL('http.mjs', import.meta.url))

/** HTTP requests in a process of http.mjs: again and again, or so many slow ones, each on a connection of its own. */
export class Requests {
  readonly #process: Process

  constructor(netns: Namespace, ...args: readonly ['ask', string] | readonly ['slow', string, string]) {
    this.#process = new Process(netns, script, ...args)
  }

  /** What came since the last time; of slow ones, all: they are ended first. */
  async seen(): Promise<Traffic> {
    const before = this.#process.output.length
    this.#process.write('')
    await expect.poll(() => this.#process.output.slice(before), soon).toMatch(/\n$/)
    return JSON.parse(this.#process.output.slice(before))
  }
}
