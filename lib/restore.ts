// Restore: carries out the lines of save() or `ipvsadm -S`, all or, as far as that can be foreseen, none.
// SPDX-License-Identifier: MIT

import * as check from './check.js'
import type { Director } from './director.js'
import { applyRules, type Refusal } from './text/apply.js'
import { type Foreseen, foresee } from './text/foresee.js'
import { withHosts } from './text/hosts.js'
import { type Rule, type RuleFault, RulesError, readRules } from './text/parse.js'
import type { CallOptions } from './types.js'

export interface RestoreOptions extends CallOptions {
  /** Carry out the good lines even if others are wrong or refused. Default false. */
  readonly partial?: boolean | undefined
  /**
   * Put the text in the place of what is there: delete every service first, whoever made it, and stop the daemons
   * that the text starts. Default false: the lines are added to the table.
   */
  readonly clear?: boolean | undefined
}

export interface Restored {
  /** Lines that were carried out. */
  readonly done: number
  /** With `partial`: lines that were not, and why. */
  readonly faults: readonly RuleFault[]
}

const optionFields = new Set(['partial', 'clear', 'signal'])

/**
 * Carries out lines as parseRules() reads them; host names are asked of the system. Before anything is changed all
 * lines are read, and compared with the table: one that is wrong, or that the kernel would refuse (a service that is
 * there already, or one that is missing), is named with its number, and nothing is changed. What cannot be foreseen,
 * such as a scheduler that this kernel lacks, ends the restore there, with some hundred lines after it carried out.
 * @throws RulesError naming the lines; unless `partial`, which returns them.
 * @throws IpvsError as any reading does.
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
  const { rules, faults } = await withHosts((host) => readRules(text, host))
  if (!partial && faults.length > 0) throw new RulesError(faults, 'nothing was changed')
  const restart = clear ? await runningOf(client, rules, options) : []
  if (!partial) {
    const foreseen = await refusedOf(client, rules, clear, restart)
    if (foreseen.length > 0) throw new RulesError(foreseen.map(faultIn(text)), 'nothing was changed')
  }
  signal?.throwIfAborted()
  if (clear) await Promise.all([client.flush(), ...restart.map((state) => client.daemons.stop(state))])
  const { done, refusals } = await applyRules(client, rules, { goOn: partial, signal })
  const all = [...faults, ...refusals.map(faultIn(text))].sort((a, b) => a.line - b.line)
  if (partial) return { done, faults: all }
  if (all.length > 0) {
    throw new RulesError(all, `${done} of ${rules.length} lines were carried out`)
  }
  signal?.throwIfAborted()
  return { done, faults: [] }
}

type State = 'master' | 'backup'

/** Daemons that run and that the text starts. */
const runningOf = async (
  client: Director,
  rules: readonly Rule[],
  { signal }: CallOptions,
): Promise<readonly State[]> => {
  const states = new Set(
    rules.flatMap(({ command }) => (command.verb === 'start-daemon' ? [command.daemon.state] : [])),
  )
  if (states.size === 0) return []
  const running = await client.daemons.list({ signal })
  return running.map(({ state }) => state).filter((state) => states.has(state))
}

const refusedOf = async (
  client: Director,
  rules: readonly Rule[],
  clear: boolean,
  restart: readonly State[],
): Promise<readonly Foreseen[]> => {
  const [table, daemons] = await Promise.all([
    clear ? { services: [] } : client.snapshot(),
    client.daemons.list(),
  ])
  return foresee(
    rules,
    table,
    daemons.filter(({ state }) => !restart.includes(state)),
  )
}

const faultIn = (text: string) => {
  let lines: readonly string[] | undefined
  return (found: Foreseen | Refusal): RuleFault => {
    lines ??= text.split('\n')
    const { line } = found.rule
    const message = 'message' in found ? found.message : found.error.message
    return { line, text: lines[line - 1]?.trim() ?? '', message }
  }
}
