// A program on a pseudo-terminal (terminal.py), and the screen that a person would see.
// SPDX-License-Identifier: MIT

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { python } from './flows.ts'
import type { Namespace } from './namespace.ts'
import { slowness } from './slowness.ts'

export interface End {
  readonly status: number
  /** The settings of the terminal are what they were. */
  readonly restored: boolean
}

const script = fileURLToPath(new URL('terminal.py', import.meta.url))

/** Understands what `ipvs top` writes: the alternate screen, the cursor, lines at a place. */
export class Terminal {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #ended: Promise<unknown>
  #text = ''
  #said = ''

  constructor(
    netns: Namespace,
    rows: number,
    columns: number,
    command: readonly string[],
    env: NodeJS.ProcessEnv,
  ) {
    const words = ['netns', 'exec', netns.name, python, script, `${rows}`, `${columns}`, ...command]
    this.#child = spawn('ip', words, { env: { ...process.env, LC_ALL: 'C.UTF-8', TERM: 'xterm', ...env } })
    this.#ended = once(this.#child, 'close')
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#text += text
    })
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#said += text
    })
    onTestFinished(async () => {
      this.#child.stdin.end()
      await this.#ended
    })
  }

  /** Everything that was written. */
  get text(): string {
    return this.#text
  }

  /** What stands on the screen; of each place only the beginning of a line is known. */
  get lines(): readonly string[] {
    let screen: string[] = []
    let row = 0
    const parts = this.#text.replaceAll('\x1b', '␛').matchAll(/␛\[(\d+);1H|␛\[[?\d]*[A-Za-z]|([^␛]+)/g)
    for (const [all, place, text] of parts) {
      if (place !== undefined) {
        row = Number(place) - 1
        screen[row] = ''
      } else if (text !== undefined) screen[row] = (screen[row] ?? '') + text
      else if (all === '␛[2J') screen = []
    }
    return Array.from(screen, (line) => line ?? '')
  }

  #order(order: object): void {
    this.#child.stdin.write(`${JSON.stringify(order)}\n`)
  }

  keys(keys: string): void {
    this.#order({ keys })
  }

  resize(rows: number, columns: number): void {
    this.#order({ size: [rows, columns] })
  }

  signal(signal: 'SIGTERM' | 'SIGCONT' | 'SIGUSR2'): void {
    this.#order({ signal })
  }

  /** Waits until the screen is as wanted. */
  async until(wanted: (lines: readonly string[]) => boolean): Promise<readonly string[]> {
    const deadline = Date.now() + 120_000 * slowness
    for (;;) {
      const { lines } = this
      if (wanted(lines)) return lines
      if (Date.now() > deadline) throw new Error(`not on the screen:\n${lines.join('\n')}\n${this.#said}`)
      await sleep(50)
    }
  }

  async end(): Promise<End> {
    await this.#ended
    return JSON.parse(this.#said)
  }
}
