// Rules: the lines that `ipvsadm -S` prints and `-R` reads, each with its number.
// SPDX-License-Identifier: MIT

import { commandOf, type RuleCommand } from './command.js'
import type { HostLookup } from './endpoint.js'
import { LineError, scan } from './scan.js'

export interface Rule {
  /** From 1. */
  readonly line: number
  readonly command: RuleCommand
}

/** What is wrong with a line. */
export interface RuleFault {
  readonly line: number
  readonly text: string
  readonly message: string
}

/** Lines that are wrong, or that the kernel refused or would refuse; the message names them with their numbers. */
export class RulesError extends Error {
  override readonly name = 'RulesError'
  readonly faults: readonly RuleFault[]

  constructor(faults: readonly RuleFault[], note = '') {
    const lines = faults.slice(0, 10).map(describeFault)
    if (faults.length > 10) lines.push(`and ${faults.length - 10} more`)
    super(`${lines.join('\n')}${note === '' ? '' : `\n${note}`}`)
    this.faults = faults
  }
}

export const describeFault = ({ line, text, message }: RuleFault): string =>
  `line ${line}: ${message} (${text})`

export interface ParseOptions {
  /** IPv4 addresses of host names in the text. Default: no name is known; restore() and `ipvs -R` ask the system. */
  readonly hosts?: ReadonlyMap<string, string> | undefined
}

interface Parsed {
  readonly rules: readonly Rule[]
  readonly faults: readonly RuleFault[]
}

/**
 * Empty lines and those that begin with # say nothing; a leading `ipvsadm` or `ipvs` is skipped. By hand: split() with
 * a regular expression takes as long as all the rest.
 */
const wordsOf = (text: string): string[] => {
  const words: string[] = []
  let start = -1
  for (let i = 0; i <= text.length; i++) {
    const isSpace = i === text.length || text.charCodeAt(i) <= 32
    if (isSpace && start >= 0) {
      words.push(text.slice(start, i))
      start = -1
    } else if (!isSpace && start < 0) start = i
  }
  if (words[0] === 'ipvsadm' || words[0] === 'ipvs') words.shift()
  return words
}

export const readRules = (text: string, host: HostLookup): Parsed => {
  const rules: Rule[] = []
  const faults: RuleFault[] = []
  let line = 0
  for (const source of text.split('\n')) {
    line++
    const words = wordsOf(source)
    if (words.length === 0 || words[0]!.startsWith('#')) continue
    try {
      const given = scan(words)
      if (given.values.netns !== undefined) throw new LineError('--netns is for the command line')
      rules.push({ line, command: commandOf(given, host) })
    } catch (error) {
      if (!(error instanceof LineError)) throw error
      faults.push({ line, text: source.trim(), message: error.message })
    }
  }
  return { rules, faults }
}

/**
 * Reads lines as `ipvsadm -S` and save() write them; all that ipvsadm(8) knows is understood, and a few options
 * more (see ipvs(8)). Nothing is changed: see restore().
 * @throws RulesError naming each wrong line.
 */
export const parseRules = (text: string, { hosts }: ParseOptions = {}): readonly Rule[] => {
  const { rules, faults } = readRules(text, (name) => hosts?.get(name))
  if (faults.length > 0) throw new RulesError(faults)
  return rules
}
