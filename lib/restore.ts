// Restore: carries out the lines of save() or `ipvsadm -S`, all or, as far as that can be foreseen, none.
// SPDX-License-Identifier: MIT

import * as check from './check.js'
import type { Director } from './director.js'
import { applyRules } from './text/apply.js'
import type { HostLookup } from './text/endpoint.js'
import { Foreseen } from './text/foresee.js'
import { withHosts } from './text/hosts.js'
import { isFault, linesOf, type Rule, type RuleFault, RulesError } from './text/parse.js'
import type { CallOptions, DaemonStatus, Snapshot } from './types.js'

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
  const daemons = await client.daemons.list({ signal })
  const before = clear || partial ? { services: [] } : await client.snapshot({ signal })
  const { host, count, faults, restart } = await withHosts((lookup) =>
    review(text, lookup, before, daemons, { clear, partial }),
  )
  if (!partial && faults.length > 0) throw new RulesError(faults, 'nothing was changed')
  signal?.throwIfAborted()
  if (clear) await Promise.all([client.flush(), ...restart.map((state) => client.daemons.stop(state))])
  // Read a second time, slice by slice: rules that are soon forgotten cost less than thousands that are kept.
  const { done, refusals } = await applyRules(client, goodRules(text, host), { goOn: partial, signal })
  const textOf = textIn(text)
  const refused = refusals.map(
    ({ rule: { line }, error }): RuleFault => ({ line, text: textOf(line), message: error.message }),
  )
  const all = [...faults, ...refused].sort((a, b) => a.line - b.line)
  if (partial) return { done, faults: all }
  if (all.length > 0) throw new RulesError(all, `${done} of ${count} lines were carried out`)
  signal?.throwIfAborted()
  return { done, faults: [] }
}

function* goodRules(text: string, host: HostLookup): Generator<Rule, void, undefined> {
  for (const line of linesOf(text, host)) if (!isFault(line)) yield line
}

type State = DaemonStatus['state']

interface Review {
  /** What the system says of hosts. */
  readonly host: HostLookup
  readonly count: number
  readonly faults: readonly RuleFault[]
  /** Daemons that run and that the lines start again. */
  readonly restart: readonly State[]
}

/** Reads all lines, and finds those that are wrong or would be refused; changes nothing. */
const review = (
  text: string,
  host: HostLookup,
  before: Pick<Snapshot, 'services'>,
  daemons: readonly DaemonStatus[],
  { clear, partial }: { readonly clear: boolean; readonly partial: boolean },
): Review => {
  const running = new Set(daemons.map(({ state }) => state))
  const restart = new Set<State>()
  const foreseen = new Foreseen(before, clear ? [] : daemons)
  const textOf = textIn(text)
  const faults: RuleFault[] = []
  let count = 0
  for (const line of linesOf(text, host)) {
    if (isFault(line)) {
      faults.push(line)
      continue
    }
    count++
    const { command } = line
    if (command.verb === 'start-daemon' && running.has(command.daemon.state))
      restart.add(command.daemon.state)
    const message = partial ? undefined : foreseen.apply(command)
    if (message !== undefined) faults.push({ line: line.line, text: textOf(line.line), message })
  }
  return { host, count, faults, restart: [...restart] }
}

/** The text of a line, by its number. */
const textIn = (text: string): ((line: number) => string) => {
  let lines: readonly string[] | undefined
  return (line) => {
    lines ??= text.split('\n')
    return lines[line - 1]?.trim() ?? ''
  }
}
