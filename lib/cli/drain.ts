// `ipvs drain` and `ipvs undrain`: takes a real server out without breaking connections, and back.
// SPDX-License-Identifier: MIT

import {
  type DrainOptions,
  type DrainProgress,
  drain as drainServer,
  undrain as undrainServer,
} from '../drain.js'
import { readSysctls } from '../sysctls.js'
import { decimal } from '../text/endpoint.js'
import { atMost, readArguments, readSeconds, readServer, serverOptions } from './arguments.js'
import { UsageError } from './failure.js'
import { type Io, openOptions, withClient } from './io.js'
import { toJson } from './json.js'
import type { Run } from './subcommands.js'

const usage = `usage: ipvs drain -t|-u|-f SERVICE -r SERVER [options]

Sets the weight of a real server to 0, so that new clients go elsewhere, waits until its connections have ended, and
deletes it. Everything that has to be remembered is in the table: after an interruption the same command goes on.

--until WHAT         drained when there is: no-active, no-connections (default: also no inactive ones), no-templates
                     (also no persistent clients)
--deadline WHEN      seconds from now, or a time such as 2026-12-01T04:00:00Z; the server goes then with what is left
--keep WHEN          leave the server in the table with weight 0: always, at-deadline, never (default)
--interval SECONDS   between readings (1)
--netns NAME|PATH    in another network namespace
--json               progress as JSON, one object a line
Exit status: 0 drained, 1 failed, or someone gave the server a weight, or interrupted (it stays at weight 0), 2 the
command line is wrong, 3 the deadline passed with connections left.
`

const undrainUsage = `usage: ipvs undrain -t|-u|-f SERVICE -r SERVER -w WEIGHT [--netns NAME|PATH] [--json]

Gives a drained real server its weight back; a drain of it that goes on ends.

Exit status: 0 done, 1 failed, 2 the command line is wrong.
`

const deadlineOf = (text: string): number | Date => {
  if (/^\d+(\.\d+)?$/.test(text))
    return readSeconds('drain', 'deadline', text, { most: Number.MAX_SAFE_INTEGER })
  const time = new Date(text)
  if (/^\d{4}-/.test(text) && !Number.isNaN(time.getTime())) return time
  throw new UsageError(`drain: --deadline ${text}: expected seconds, or a time such as 2026-12-01T04:00:00Z`)
}

const countsOf = ({ activeConns, inactiveConns, persistentConns }: DrainProgress): string =>
  `${activeConns} active, ${inactiveConns} inactive, ${persistentConns} persistent`

const ends: Readonly<Record<DrainProgress['state'], string>> = {
  waiting: 'waiting',
  drained: 'drained',
  deadline: 'the deadline has passed',
  gone: 'somebody else deleted the server',
  restored: 'somebody gave the server a weight, and it serves',
  aborted: 'interrupted: the server stays at weight 0',
}

/** Prints what is new since the item before. */
class Report {
  readonly #io: Io
  readonly #told = new Set<string>()
  #counts = ''

  constructor(io: Io) {
    this.#io = io
  }

  add(item: DrainProgress): void {
    for (const { code, text } of item.notes) {
      if (!this.#told.has(code)) this.#io.err(`note: ${text}\n`)
      this.#told.add(code)
    }
    const counts = countsOf(item)
    if (item.state === 'waiting') {
      if (counts !== this.#counts) this.#io.out(`waiting: ${counts}\n`)
      this.#counts = counts
      return
    }
    const { weightBefore, deleted } = item
    const left = item.state === 'deadline' ? ` with ${counts}` : ''
    const weight = weightBefore === null ? '' : `; its weight was ${weightBefore}`
    this.#io.out(`${ends[item.state]}${left}${deleted ? '; deleted' : ''}${weight}\n`)
  }
}

const statusOf = (state: DrainProgress['state'] | undefined): number =>
  state === 'drained' || state === 'gone' ? 0 : state === 'deadline' ? 3 : 1

export const drain: Run = async (args, io) => {
  const parsed = readArguments('drain', usage, args, io, {
    ...serverOptions,
    until: { type: 'string' },
    deadline: { type: 'string' },
    keep: { type: 'string' },
    interval: { type: 'string' },
  })
  if (parsed === undefined) return 0
  const { values, positionals } = parsed
  atMost('drain', positionals, 0)
  const { service, destination } = await readServer('drain', values)
  const options: DrainOptions = {
    until: values.until as DrainOptions['until'],
    keep: values.keep as DrainOptions['keep'],
    deadline: values.deadline === undefined ? undefined : deadlineOf(values.deadline),
    interval:
      values.interval === undefined
        ? undefined
        : readSeconds('drain', 'interval', values.interval, { least: 1 }),
    sysctls: await readSysctls(openOptions(values.netns)),
    signal: io.signal,
  }
  const report = new Report(io)
  let state: DrainProgress['state'] | undefined
  await withClient(values.netns, async (client) => {
    let items: ReturnType<typeof drainServer>
    try {
      items = drainServer(client, service, destination, options)
    } catch (error) {
      throw new UsageError(`drain: ${(error as Error).message.replace(/^options\./, '--')}`)
    }
    for await (const item of items) {
      if (values.json) io.out(`${toJson(item, 0)}\n`)
      else report.add(item)
      state = item.state
    }
  })
  return statusOf(state)
}

export const undrain: Run = async (args, io) => {
  const parsed = readArguments('undrain', undrainUsage, args, io, {
    ...serverOptions,
    weight: { type: 'string', short: 'w' },
  })
  if (parsed === undefined) return 0
  const { values, positionals } = parsed
  atMost('undrain', positionals, 0)
  const { service, destination } = await readServer('undrain', values)
  const weight = decimal(values.weight ?? '', 1, 2_147_483_647)
  if (weight === undefined) throw new UsageError('undrain: -w WEIGHT: expected a number 1 to 2147483647')
  await withClient(values.netns, (client) => undrainServer(client, service, destination, weight))
  if (values.json) io.out(`${toJson({ service, destination, weight })}\n`)
  return 0
}
