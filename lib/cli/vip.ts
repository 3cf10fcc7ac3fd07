// `ipvs vip`: binds addresses to interfaces, takes them away, lists and announces them.
// SPDX-License-Identifier: MIT

import { type AddVipOptions, add, announce, list, remove } from '../vip.js'
import { atMost, readArguments, readSeconds } from './arguments.js'
import { UsageError, unknownWord } from './failure.js'
import { openOptions } from './io.js'
import { toJson } from './json.js'
import type { Run } from './subcommands.js'

const usage = `usage: ipvs vip add ADDRESS[/PREFIX] --interface NAME [--create] [--announce [--towards NAME]] [options]
       ipvs vip remove ADDRESS [--interface NAME]
       ipvs vip list [--all]
       ipvs vip announce ADDRESS [--interface NAME] [--count NUMBER] [--interval SECONDS]

Binds addresses of virtual services to interfaces of this director, and tells the neighbours where they are (gratuitous
ARP, unsolicited neighbour advertisements), which is how a VIP moves from one director to another.

--interface NAME     that gets, has or announces the address
--create             where there is none of that name: make a dummy device; it goes with its last address
--announce           tell the neighbours once the address is there
--towards NAME       the interface to announce on, if it is another than the one with the address
--count NUMBER       announcements (3)
--interval SECONDS   between them (0.2)
--all                list all addresses, not only /32 and /128
--netns NAME|PATH    in another network namespace
--json               print JSON
Exit status: 0 done, 1 failed (nothing is changed then), 2 the command line is wrong.
`

const verbs = ['add', 'remove', 'list', 'announce'] as const

const announcing = (values: {
  readonly count?: string | undefined
  readonly interval?: string | undefined
}): { readonly count?: number; readonly interval?: number } => {
  const { count, interval } = values
  if (count !== undefined && !/^\d{1,4}$/.test(count))
    throw new UsageError(`vip: --count ${count}: expected a number 1 to 1000`)
  return {
    ...(count === undefined ? {} : { count: Number(count) }),
    ...(interval === undefined
      ? {}
      : { interval: readSeconds('vip', 'interval', interval, { most: 60_000 }) }),
  }
}

/** `192.0.2.10/24` in its parts. */
const split = (word: string): { readonly address: string; readonly prefix?: number } => {
  const [, address, prefix] = /^(.*)\/(\d{1,3})$/.exec(word) ?? []
  return address === undefined ? { address: word } : { address, prefix: Number(prefix) }
}

/** What the library says about an argument is about the command line. */
const asUsage = async <T>(promise: Promise<T>): Promise<T> => {
  try {
    return await promise
  } catch (error) {
    throw error instanceof TypeError || error instanceof RangeError
      ? new UsageError(`vip: ${error.message}`)
      : error
  }
}

export const vip: Run = async (args, io) => {
  const parsed = readArguments('vip', usage, args, io, {
    interface: { type: 'string' },
    create: { type: 'boolean' },
    announce: { type: 'boolean' },
    towards: { type: 'string' },
    count: { type: 'string' },
    interval: { type: 'string' },
    all: { type: 'boolean' },
  })
  if (parsed === undefined) return 0
  const { values, positionals } = parsed
  const [verb, word, ...rest] = positionals
  const known = verbs.find((one) => one === verb)
  if (verb === undefined) throw new UsageError(`vip: what is to be done? ${verbs.join(', ')}`)
  if (known === undefined) throw unknownWord('vip command', verb, verbs)
  atMost('vip', rest, 0)
  const where = openOptions(values.netns)
  if (known === 'list') {
    atMost('vip list', word === undefined ? [] : [word], 0)
    const vips = await list({ ...where, all: values.all })
    io.out(
      values.json
        ? `${toJson(vips)}\n`
        : vips.map((one) => `${one.address}/${one.prefix} ${one.interface}\n`).join(''),
    )
    return 0
  }
  if (word === undefined) throw new UsageError(`vip ${known}: which address?`)
  const named = values.interface === undefined ? {} : { interface: values.interface }
  if (known === 'announce') {
    await asUsage(announce(word, { ...where, ...named, ...announcing(values), signal: io.signal }))
    return 0
  }
  if (known === 'remove') {
    const removed = await asUsage(remove(word, { ...where, ...named }))
    if (values.json) io.out(`${toJson(removed)}\n`)
    return 0
  }
  if (values.interface === undefined) throw new UsageError('vip add: on which interface? --interface')
  const { address, prefix } = split(word)
  const options: AddVipOptions = {
    ...where,
    interface: values.interface,
    prefix,
    create: values.create,
    announce: values.announce ? { ...announcing(values), interface: values.towards } : false,
    signal: io.signal,
  }
  const added = await asUsage(add(address, options))
  if (values.json) io.out(`${toJson(added)}\n`)
  return 0
}
