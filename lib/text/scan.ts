// Words of one line into options and their arguments, by the rules of popt, which ipvsadm follows.
// SPDX-License-Identifier: MIT

import { nearest } from '../nearest.js'
import { allOptions, type CommandName, type Option, type Slot, termsOf } from './options.js'

/** A line that cannot be understood. `status` is what ipvsadm exits with: 255 where popt complains, else 2. */
export class LineError extends Error {
  override readonly name = 'LineError'
  readonly status: 2 | 255

  constructor(message: string, status: 2 | 255 = 2) {
    super(message)
    this.status = status
  }
}

export interface Given {
  readonly command: CommandName
  /** Argument of the command itself: the state of a daemon. */
  readonly argument: string
  /** By slot; '' where an option has no argument. */
  readonly values: Readonly<Partial<Record<Slot, string>>>
  /** Names of the options that gave the service and the forwarding method. */
  readonly serviceOption: string
  readonly forwardingOption: string
  /** Words that are no options. */
  readonly rest: readonly string[]
}

const byName = new Map(allOptions.map((option) => [option.name, option]))
const byLetter = new Map(allOptions.flatMap((option) => [...option.short].map((letter) => [letter, option])))
const names = [...byName.keys()]

const unknown = (text: string, word: string): LineError => {
  const near = word.length > 1 ? nearest(word, names) : undefined
  return new LineError(`unknown option ${text}${near === undefined ? '' : `; did you mean --${near}?`}`, 255)
}

const label = ({ name, short }: Option): string => (short === '' ? `--${name}` : `-${short[0]}, --${name}`)

/** The name of a slot as the command line has it. */
const slotNames: Readonly<Partial<Record<Slot, string>>> = {
  service: 'a virtual service (-t, -u, -f or --sctp-service)',
  'real-server': 'a real server (-r)',
}
const slotName = (slot: Slot): string => slotNames[slot] ?? `--${slot}`

/** One pass over the words of a line. */
class Scanner {
  readonly values: Partial<Record<Slot, string>> = {}
  readonly rest: string[] = []
  command: CommandName | undefined
  argument = ''
  serviceOption = ''
  forwardingOption = ''
  readonly #words: readonly string[]
  #next = 0

  constructor(words: readonly string[]) {
    this.#words = words
  }

  run(): void {
    const words = this.#words
    while (this.#next < words.length) {
      const word = words[this.#next++]!
      if (word.charCodeAt(0) !== 45 || word.length === 1) this.rest.push(word)
      else if (word.charCodeAt(1) !== 45) this.#letters(word)
      else if (word.length > 2) this.#long(word)
      else {
        this.rest.push(...words.slice(this.#next))
        return
      }
    }
  }

  #long(word: string): void {
    const equals = word.indexOf('=')
    const name = equals < 0 ? word.slice(2) : word.slice(2, equals)
    const option = byName.get(name)
    if (option === undefined) throw unknown(`--${name}`, name)
    if (equals < 0) this.#take(option, this.#argumentOf(option, undefined))
    else if (option.argument === '') throw new LineError(`--${name} takes no argument`, 255)
    else this.#take(option, word.slice(equals + 1))
  }

  /** `-Ln`, `-At 192.0.2.1:80`, `-w5`. */
  #letters(word: string): void {
    for (let i = 1; i < word.length; i++) {
      const option = byLetter.get(word[i]!)
      if (option === undefined)
        throw unknown(`-${word[i]}${word.length > 2 ? ` in ${word}` : ''}`, word.slice(1))
      if (option.argument === '' || i === word.length - 1) {
        this.#take(option, this.#argumentOf(option, undefined))
      } else {
        this.#take(option, this.#argumentOf(option, word.slice(word[i + 1] === '=' ? i + 2 : i + 1)))
        return
      }
    }
  }

  /** An argument that may be left out is never a word that begins with a dash; any other one may be. */
  #argumentOf(option: Option, attached: string | undefined): string {
    if (option.argument === '') return ''
    if (attached !== undefined) return attached
    const word = this.#words[this.#next]
    if (option.argument.startsWith('[')) {
      if (word === undefined || word.startsWith('-')) return ''
    } else if (word === undefined) {
      throw new LineError(`${label(option)} needs its argument: ${option.argument}`, 255)
    }
    this.#next++
    return word
  }

  #take(option: Option, value: string): void {
    const { command, slot } = option
    if (command !== undefined) {
      if (this.command !== undefined)
        throw new LineError(`${label(option)} after --${this.command}: one command only`)
      this.command = command
      this.argument = value
    } else if (slot !== undefined) {
      if (this.command === undefined && !option.everywhere) {
        throw new LineError(
          `${label(option)} stands before the command, which comes first: -A, -a, -L, …`,
          255,
        )
      }
      if (slot in this.values) {
        if (slot === 'sort') return
        throw new LineError(`${label(option)}: ${slot === option.name ? 'given twice' : `one ${slot} only`}`)
      }
      if (slot === 'service') this.serviceOption = option.name
      else if (slot === 'forwarding') this.forwardingOption = option.name
      this.values[slot] = value
    }
  }
}

/** As the line has it. */
const written = ({ serviceOption, forwardingOption }: Scanner, slot: Slot): string =>
  slot === 'service' ? `--${serviceOption}` : slot === 'forwarding' ? `--${forwardingOption}` : `--${slot}`

const checkTerms = (command: CommandName, scanner: Scanner): void => {
  const { values } = scanner
  const { needs, takes, oneOf } = termsOf[command]
  for (const slot of needs) {
    if (values[slot] === undefined) throw new LineError(`--${command} needs ${slotName(slot)}`)
  }
  for (const slot in values) {
    if (!takes.has(slot as Slot))
      throw new LineError(`--${command} takes no ${written(scanner, slot as Slot)}`)
  }
  if (oneOf.length === 0) return
  const [first, second] = oneOf.filter((slot) => values[slot] !== undefined)
  if (first !== undefined && second !== undefined) {
    throw new LineError(`${written(scanner, first)} and ${written(scanner, second)} exclude each other`)
  }
}

/** @throws LineError */
export const scan = (words: readonly string[]): Given => {
  const scanner = new Scanner(words)
  scanner.run()
  const { command, argument, values, serviceOption, forwardingOption, rest } = scanner
  if (command === undefined) throw new LineError('which command? -A, -a, -L, -S, …; -h tells', 255)
  checkTerms(command, scanner)
  return { command, argument, values, serviceOption, forwardingOption, rest }
}
