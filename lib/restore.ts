// Restore: carries out the lines of save() or `ipvsadm -S`, all or, as far as that can be foreseen, none.
// SPDX-License-Identifier: MIT

import * as check from './check.js'
import type { Director } from './director.js'
import { type KnowsScheduler, schedulersOf } from './plan/schedulers.js'
import { faultsIn, Script, textIn } from './text/apply.js'
import type { RuleCommand } from './text/command.js'
import type { HostLookup } from './text/endpoint.js'
import { Foreseen } from './text/foresee.js'
import { withHosts } from './text/hosts.js'
import { isFault, linesOf, type RuleFault, RulesError } from './text/parse.js'
import type { CallOptions, DaemonStatus } from './types.js'

/** Options of restore(). */
export interface RestoreOptions extends CallOptions {
  /** Carry out the good lines even if others are wrong or refused. Default false. */
  readonly partial?: boolean | undefined
  /**
   * Put the text in the place of what is there: delete every service first, whoever made it, and stop the daemons
   * that the text starts. Default false: the lines are added to the table. A text without lines to carry out is
   * refused, for it is more likely a failure of what should have written it than an empty table: see flush().
   */
  readonly clear?: boolean | undefined
}

/** What restore() did. */
export interface Restored {
  /** Lines that were carried out. */
  readonly done: number
  /** With `partial`: lines that were not, and why. */
  readonly faults: readonly RuleFault[]
}

const optionFields = new Set(['partial', 'clear', 'signal'])

/**
 * Carries out lines as parseRules() reads them; host names are asked of the system. Before anything is changed all
 * lines are read and compared with the table: one that is wrong, whose values the client or the kernel does not take,
 * whose scheduler this host does not have, or that the table would refuse (a service that is there already, or one that
 * is missing), is named with its number, and nothing is changed. What cannot be foreseen, such as a lack of memory or
 * what others change meanwhile, ends the restore there, with up to 511 lines after it carried out.
 * @throws RulesError naming the lines, unless `partial`, which returns them. Also when the signal aborts, or the table
 * cannot be cleared, once anything may have been changed: then `done` tells how far it came, and `cause` why.
 * @throws the signal's reason when it aborts before anything was changed; IpvsError as any reading does.
 */
export const restore = async (
  client: Director,
  text: string,
  options: RestoreOptions = {},
): Promise<Restored> => {
  if (typeof text !== 'string') throw new TypeError('text: expected a string')
  check.object('options', options)
  check.knownFields('options', options, optionFields)
  const { partial = false, clear = false, signal } = options
  check.callOptions({ signal })
  const daemons = await client.daemons.list({ signal })
  const before = clear || partial ? { services: [] } : await client.snapshot({ signal })
  const { script, count, faults, restart } = await withHosts((lookup) =>
    review(text, lookup, new Foreseen(before, daemons, clear), { partial, knows: schedulersOf(client) }),
  )
  if (!partial && faults.length > 0) throw new RulesError(faults, 'nothing was changed')
  // What failed to write a table has written nothing: not a reason to delete another.
  if (clear && script.length === 0)
    throw new RulesError(faults, 'no line to put in the place of the table: nothing was changed')
  signal?.throwIfAborted()
  if (clear) await empty(client, restart, count)
  const { done, refusals } = await script.run(client, { goOn: partial, signal })
  const all = [...faults, ...faultsIn(text, refusals)].sort((a, b) => a.line - b.line)
  const progress = `${done} of ${count} lines were carried out`
  if (signal?.aborted && done + refusals.length < script.length) {
    throw new RulesError(all, `${textOf(signal.reason)}: ${progress}`, { done, cause: signal.reason })
  }
  if (!partial && all.length > 0) throw new RulesError(all, progress, { done })
  return { done, faults: all }
}

const textOf = (reason: unknown): string => (reason instanceof Error ? reason.message : String(reason))

/** Daemons first: should one not stop, the table is still there. */
const empty = async (client: Director, restart: readonly State[], count: number): Promise<void> => {
  const stopped: State[] = []
  try {
    for (const state of restart) {
      await client.daemons.stop(state)
      stopped.push(state)
    }
    await client.flush()
  } catch (cause) {
    const daemons = stopped.length > 0 ? `; stopped before: ${stopped.join(' and ')} daemon` : ''
    const note = `${textOf(cause)}\n0 of ${count} lines were carried out${daemons}`
    throw new RulesError([], note, { cause })
  }
}

type State = DaemonStatus['state']

interface Review {
  /** The lines that are to be carried out. */
  readonly script: Script
  /** Lines that were understood. */
  readonly count: number
  readonly faults: readonly RuleFault[]
  /** Daemons to be stopped first. */
  readonly restart: readonly State[]
}

interface Terms {
  readonly partial: boolean
  readonly knows: KnowsScheduler
}

/** Reads all lines, and finds those that are wrong or would be refused; changes nothing. */
const review = (text: string, host: HostLookup, foreseen: Foreseen, { partial, knows }: Terms): Review => {
  const textOf = textIn(text)
  const script = new Script()
  const faults: RuleFault[] = []
  let count = 0
  for (const line of linesOf(text, host)) {
    if (isFault(line)) {
      faults.push(line)
      continue
    }
    count++
    // In any case: were the effect of a wrong line left out, those after it would be called wrong, too.
    const refused = foreseen.apply(line.command)
    const own = script.add(line)
    const message = partial ? own : (own ?? missingModule(line.command, knows) ?? refused)
    if (message !== undefined) faults.push({ line: line.line, text: textOf(line.line), message })
  }
  return { script, count, faults, restart: foreseen.restart }
}

/** What every kernel of this host would refuse. */
const missingModule = (command: RuleCommand, knows: KnowsScheduler): string | undefined => {
  if (command.verb !== 'add-service' && command.verb !== 'edit-service') return undefined
  const { scheduler = 'wlc', persistence } = command.service
  if (knows(scheduler) === false)
    return `no such scheduler: no module ip_vs_${scheduler} for the running kernel`
  // The module of an engine is named as that of a scheduler would be.
  const engine = persistence?.engine
  return engine && knows(`pe_${engine}`) === false
    ? `no such persistence engine: no module ip_vs_pe_${engine} for the running kernel`
    : undefined
}
