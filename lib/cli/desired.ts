// What `plan` and `apply` share: their options, and the desired table in a file of JSON or of rules.
// SPDX-License-Identifier: MIT

import { BlockList } from 'node:net'
import type { ParseArgsConfig } from 'node:util'
import { parseAddress } from '../address.js'
import { nameOfService } from '../plan/table.js'
import type { DesiredService, DesiredTable, Plan, PlanOptions } from '../plan/types.js'
import { withHosts } from '../text/hosts.js'
import { type Rule, RulesError, readRules } from '../text/parse.js'
import type { Destination, ServiceKey } from '../types.js'
import { readFileOrInput } from './arguments.js'
import { Failure, UsageError, unknownWord } from './failure.js'
import type { Io } from './io.js'

export const planOptions = {
  owns: { type: 'string', multiple: true },
  prune: { type: 'string' },
  'keep-weights': { type: 'string' },
  force: { type: 'boolean', default: false },
} as const satisfies ParseArgsConfig['options']

export const planUsage = `--owns WHICH           services that may be touched: all, fwmark, or addresses such as 192.0.2.0/24; may be
                       repeated. Without it: those that FILE names
--prune WHAT           what is deleted because FILE does not name it: destinations (default), all (services of --owns,
                       too), none
--keep-weights WHICH   leave weights of servers that are there: all, or drained (those that are 0)
--force                allow what the kernel takes and cannot serve
`

type Values = { readonly [K in keyof typeof planOptions]?: string | boolean | readonly string[] | undefined }

const choice = <T>(name: string, option: string, text: string, choices: Readonly<Record<string, T>>): T => {
  if (!Object.hasOwn(choices, text)) {
    const { message } = unknownWord(`--${option}`, text, Object.keys(choices))
    throw new UsageError(`${name}: ${message}`)
  }
  return choices[text]!
}

/** Whether a service is one of those named. */
const ownerOf = (name: string, words: readonly string[]): ((service: ServiceKey) => boolean) => {
  const list = new BlockList()
  for (const word of words) {
    if (word === 'all' || word === 'fwmark') continue
    const [, address = '', length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(word) ?? []
    const family = address.includes(':') ? 'ipv6' : 'ipv4'
    const widest = family === 'ipv6' ? 128 : 32
    const bits = length === undefined ? widest : Number(length)
    if (parseAddress(address) === undefined || bits > widest) {
      throw new UsageError(`${name}: --owns ${word}: expected all, fwmark, or an address with /length`)
    }
    list.addSubnet(address, bits, family)
  }
  return (service) =>
    words.includes('all') ||
    (service.fwmark !== undefined
      ? words.includes('fwmark')
      : list.check(service.address, service.address.includes(':') ? 'ipv6' : 'ipv4'))
}

export const readPlanOptions = (name: string, values: Values): PlanOptions => {
  const owns = values.owns as readonly string[] | undefined
  const prune = values.prune as string | undefined
  const keep = values['keep-weights'] as string | undefined
  return {
    force: values.force === true,
    ...(owns === undefined ? {} : { owns: ownerOf(name, owns) }),
    ...(prune === undefined
      ? {}
      : {
          prune: choice(name, 'prune', prune, {
            destinations: 'destinations',
            all: true,
            none: false,
          } as const),
        }),
    ...(keep === undefined
      ? {}
      : { keepWeights: choice(name, 'keep-weights', keep, { all: true, drained: 'drained' } as const) }),
  }
}

/** The name of one that was given. */
export const givenPlanOption = (values: Values): string | undefined =>
  Object.keys(planOptions).find((name) => (values[name as keyof Values] ?? false) !== false)

/** Lines of `ipvs save` or `ipvsadm -S` as a table: nothing but services and servers to add. */
const tableOfRules = (rules: readonly Rule[], leftOut: Set<string>): DesiredTable => {
  const services: (DesiredService & { destinations: Destination[] })[] = []
  const byKey = new Map<string, { destinations: Destination[] }>()
  for (const { line, command } of rules) {
    if (command.verb === 'add-service') {
      const service = { ...command.service, destinations: [] }
      services.push(service)
      byKey.set(nameOfService(command.service), service)
    } else if (command.verb === 'add-destination') {
      const service = byKey.get(nameOfService(command.service))
      if (service === undefined)
        throw new Failure(`line ${line}: the service of this server is not named before`)
      service.destinations.push(command.destination)
    } else if (command.verb === 'set') leftOut.add('timeouts')
    else if (command.verb === 'start-daemon') leftOut.add('daemons')
    else {
      throw new Failure(
        `line ${line}: a desired table has nothing but lines of -A and -a; this one is to ${command.verb}`,
      )
    }
  }
  return { services }
}

/** What `save --json` and `-L --json` print beside the table. */
const beside = ['timeouts', 'daemons', 'version', 'connectionTableSize']

const tableOfJson = (text: string, leftOut: Set<string>): DesiredTable | Plan => {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch (error) {
    throw new Failure(`not JSON: ${(error as Error).message}`)
  }
  if (typeof found !== 'object' || found === null || !('services' in found)) return found as DesiredTable
  for (const field of beside) if (field in found) leftOut.add(field)
  const kept = Object.entries(found).filter(([field]) => !leftOut.has(field))
  return Object.fromEntries(kept) as unknown as DesiredTable
}

const tableOfLines = async (text: string, leftOut: Set<string>): Promise<DesiredTable> => {
  const { rules, faults } = await withHosts((host) => readRules(text, host))
  if (faults.length > 0) throw new RulesError(faults, 'nothing was changed')
  return tableOfRules(rules, leftOut)
}

/**
 * The table in FILE or the standard input, or a plan that was printed as JSON. Timeouts and daemons are not planned:
 * that those of a saved table are left out is told.
 */
export const readDesired = async (io: Io, file: string | undefined): Promise<DesiredTable | Plan> => {
  const text = await readFileOrInput(io, file)
  if (text.trim() === '') throw new Failure('the desired table is empty; if that is meant: {"services": []}')
  const leftOut = new Set<string>()
  const desired = /^\s*[[{]/.test(text) ? tableOfJson(text, leftOut) : await tableOfLines(text, leftOut)
  const told = [...leftOut].filter((field) => field === 'timeouts' || field === 'daemons')
  if (told.length > 0)
    io.err(`note: ${told.join(' and ')} are left as they are: plan and apply are for services\n`)
  return desired
}

export const isPlan = (value: DesiredTable | Plan): value is Plan => 'changes' in value
