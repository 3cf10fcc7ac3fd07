// Rules, checked and encoded as they are read, and carried out later, many in one exchange with the kernel.
// SPDX-License-Identifier: MIT

import { Director, playerOf } from '../director.js'
import { type PlayOptions, Recording } from '../recording.js'
import type { IpvsSync } from '../sync.js'
import type { Rule, RuleFault } from './parse.js'
import { performSync } from './perform.js'

export interface Refusal {
  readonly line: number
  readonly error: Error
}

export interface Applied {
  readonly done: number
  readonly refusals: readonly Refusal[]
}

/** The text of a line, by its number. */
export const textIn = (text: string): ((line: number) => string) => {
  let lines: readonly string[] | undefined
  return (line) => {
    lines ??= text.split('\n')
    return lines[line - 1]?.trim() ?? ''
  }
}

/** Rules with the numbers of their lines. Few bytes are kept of each, and no object. */
export class Script {
  readonly #recording = new Recording()
  readonly #recorder = new Director(this.#recording as never) as unknown as IpvsSync
  readonly #lines: number[] = []

  /** Adds a rule; or says what is wrong with it, whatever the table is, by the client's own checks. */
  add({ line, command }: Rule): string | undefined {
    try {
      performSync(this.#recorder, command)
    } catch (error) {
      return (error as Error).message
    }
    this.#lines.push(line)
    return undefined
  }

  /** Rules that were added. */
  get length(): number {
    return this.#lines.length
  }

  /** Carries out what was added, once. The synchronous client does as well. */
  async run(client: Director | IpvsSync, options: PlayOptions): Promise<Applied> {
    const { made, failed } = await this.#recording.play(playerOf(client as Director), options)
    const refusals = failed.map(({ place, error }) => ({ line: this.#lines[place]!, error }))
    return { done: made - failed.length, refusals }
  }
}

/** Refusals beside the text that the rules were read from. */
export const faultsIn = (text: string, refusals: readonly Refusal[]): readonly RuleFault[] => {
  const textOf = textIn(text)
  return refusals.map(({ line, error }) => ({ line, text: textOf(line), message: error.message }))
}
