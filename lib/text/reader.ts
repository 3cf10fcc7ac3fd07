// Reads line after line: those that differ only in addresses, as nearly all do, are understood once.
// SPDX-License-Identifier: MIT

import type { Family, ServiceKey } from '../types.js'
import { commandOf, type RuleCommand } from './command.js'
import type { HostLookup } from './endpoint.js'
import { type Given, LineError, scan } from './scan.js'
import { makeServer, type ServerSettings, serverSettings } from './server.js'
import { type GivenSettings, makeService, parseServiceKey, serviceSettings } from './service.js'

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
  return words
}

/** The letters that lines are written with; -f is left to the long way, for it may have -6. */
const addressLetters: Readonly<Record<string, string>> = { t: 'tcp-service', u: 'udp-service' }

/** Words of one kind of line behind its addresses, and what they mean. */
interface Tail<T> {
  text: string
  settings: T
}

/** Words that belong to no tail. */
const isUnusual = ({ rest, values }: Given): boolean =>
  rest.length > 0 || values.netns !== undefined || values.json !== undefined || values.ipv6 !== undefined

/**
 * Lines have the shape `-A -t SERVICE TAIL` or `-a -t SERVICE -r SERVER TAIL`. A tail means the same whatever the
 * addresses are, so it is kept, and so is the service, which comes in many lines in a row.
 */
export class Reader {
  readonly #host: HostLookup
  readonly #serverTails = new Map<string, ServerSettings>()
  readonly #serviceTails = new Map<string, GivenSettings>()
  #lastServer: Tail<ServerSettings> | undefined
  #lastService: (Tail<GivenSettings> & { family: Family }) | undefined
  #service = ''
  #option = ''
  #key: ServiceKey | undefined

  constructor(host: HostLookup) {
    this.#host = host
  }

  /** undefined for an empty line, and for one that begins with #. */
  read(line: string): RuleCommand | undefined {
    const known = line.includes('\t') || line.endsWith('\r') ? undefined : this.#readKnown(line)
    if (known !== undefined) return known
    const words = wordsOf(line)
    // As some files have it. Only here: behind addresses it is a word like any other.
    if (words[0] === 'ipvsadm' || words[0] === 'ipvs') words.shift()
    if (words.length === 0 || words[0]!.startsWith('#')) return undefined
    const given = scan(words)
    if (given.values.netns !== undefined || given.values.json !== undefined) {
      throw new LineError('--netns and --json are for the command line')
    }
    return commandOf(given, this.#host)
  }

  /** The short way, for lines of the usual shape; undefined for others and for wrong ones. */
  #readKnown(line: string): RuleCommand | undefined {
    const verb = line.charCodeAt(1)
    const isServer = verb === 97 /* a */
    if ((!isServer && verb !== 65) /* A */ || line[0] !== '-' || line[2] !== ' ' || line[3] !== '-')
      return undefined
    const option = addressLetters[line[4]!]
    const end = line.indexOf(' ', 6)
    if (option === undefined || line[5] !== ' ' || end < 8) return undefined
    return isServer ? this.#readServer(line, option, end) : this.#readService(line, option, end)
  }

  #readService(line: string, option: string, end: number): RuleCommand | undefined {
    const key = this.#keyOf(line.slice(6, end), option)
    const family = key.address?.includes(':') ? 'ipv6' : 'ipv4'
    const tail = line.slice(end)
    let last = this.#lastService
    if (last?.text !== tail || last.family !== family) {
      const settings = this.#serviceTail(tail, family)
      if (settings === undefined) return undefined
      last = { text: tail, family, settings }
      this.#lastService = last
    }
    return { verb: 'add-service', service: makeService(key, last.settings) }
  }

  #serviceTail(tail: string, family: Family): GivenSettings | undefined {
    const name = `${family}${tail}`
    const known = this.#serviceTails.get(name)
    if (known !== undefined) return known
    // A tail may name a second service, or even another command: scan() sees it.
    const given = scan(['-A', '-t', '', ...wordsOf(tail)])
    if (isUnusual(given)) return undefined
    const settings = serviceSettings(given, family, this.#host)
    this.#serviceTails.set(name, settings)
    return settings
  }

  #readServer(line: string, option: string, end: number): RuleCommand | undefined {
    if (!line.startsWith(' -r ', end)) return undefined
    const start = end + 4
    const space = line.indexOf(' ', start)
    const stop = space < 0 ? line.length : space
    if (stop === start) return undefined
    const tail = line.slice(stop)
    let last = this.#lastServer
    if (last?.text !== tail) {
      const settings = this.#serverTail(tail)
      if (settings === undefined) return undefined
      last = { text: tail, settings }
      this.#lastServer = last
    }
    const service = this.#keyOf(line.slice(6, end), option)
    const destination = makeServer(line.slice(start, stop), service, last.settings, this.#host)
    return { verb: 'add-destination', service, destination }
  }

  #serverTail(tail: string): ServerSettings | undefined {
    const known = this.#serverTails.get(tail)
    if (known !== undefined) return known
    const given = scan(['-a', '-t', '', '-r', '', ...wordsOf(tail)])
    if (isUnusual(given)) return undefined
    const settings = serverSettings(given)
    this.#serverTails.set(tail, settings)
    return settings
  }

  #keyOf(text: string, option: string): ServiceKey {
    if (this.#key === undefined || this.#service !== text || this.#option !== option) {
      this.#key = parseServiceKey(option, text, false, this.#host)
      this.#service = text
      this.#option = option
    }
    return this.#key
  }
}
