// `ipvs sysctl`: the sysctls of IPVS with their meanings, and the profiles.
// SPDX-License-Identifier: MIT

import type { Where } from '../files.js'
import { Ipvs } from '../ipvs.js'
import { applyProfile, compareProfile, type ProfileName, profile, profileNames } from '../profile.js'
import { checkSetting, readSettings, readSysctls, type SettingChange, writeSettings } from '../sysctls.js'
import { type SysctlName, sysctls } from '../sysctls-table.js'
import { atMost, readArguments } from './arguments.js'
import { Failure, UsageError, unknownWord } from './failure.js'
import { type Io, openOptions } from './io.js'
import { toJson } from './json.js'
import type { Run } from './subcommands.js'

const usage = `usage: ipvs sysctl [list]
       ipvs sysctl get NAME...
       ipvs sysctl set NAME=VALUE...
       ipvs sysctl profile direct-return|kubernetes [--apply] [--strict-arp] [--kernel RELEASE]

Reads and sets the sysctls of IPVS in a network namespace. NAME is conn_reuse_mode, net.ipv4.vs.conn_reuse_mode, or any
other that begins with net. All are set, or none.

list                 the sysctls that this kernel has: value, default, the kernel that brought it, meaning
profile              what such a director needs, each with its reason, beside what is set now
--apply              load IPVS and set the profile; the last line is the command that takes it back
--strict-arp         kubernetes: as kube-proxy's strictARP
--kernel RELEASE     the profile for another kernel than the running one
--netns NAME|PATH    in another network namespace
--json               as JSON
Exit status: 0 done, 1 failed, 2 the command line is wrong.
`

const PREFIX = 'net.ipv4.vs.'
const short = (name: string): string => (name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name)

/** Names that are not of IPVS are taken as they are: the kernel knows them. */
const full = (name: string): string => {
  if (name.startsWith('net.') && !name.startsWith(PREFIX)) return name
  if (!Object.hasOwn(sysctls, short(name))) throw unknownWord('sysctl', short(name), Object.keys(sysctls))
  return PREFIX + short(name)
}

const text = (value: unknown): string => (Array.isArray(value) ? value.join(' ') : String(value))

const list = async (io: Io, where: Where, json: boolean): Promise<void> => {
  const values = await readSysctls(where)
  const names = (Object.keys(sysctls) as SysctlName[]).filter((name) => values[name] !== undefined)
  if (names.length === 0) throw new Failure(`no sysctl under ${PREFIX} here: is ip_vs loaded?`)
  if (json) {
    const rows = names.map((name) => ({ sysctl: PREFIX + name, value: values[name], ...sysctls[name] }))
    io.out(`${toJson(rows)}\n`)
    return
  }
  io.out(`${'sysctl'.padEnd(27)}${'value'.padEnd(12)}${'default'.padEnd(10)}${'since'.padEnd(8)}meaning\n`)
  for (const name of names) {
    const { default: initial, since, meaning } = sysctls[name]
    const cells = [
      name.padEnd(26),
      text(values[name]).padEnd(11),
      (initial === null ? '-' : text(initial)).padEnd(9),
      since.padEnd(7),
    ]
    io.out(`${cells.join(' ')} ${meaning}\n`)
  }
}

const get = (io: Io, where: Where, json: boolean, words: readonly string[]): void => {
  if (words.length === 0) throw new UsageError('sysctl: get which? NAME')
  const names = words.map(full)
  const values = readSettings(names, where)
  const lacking = names.find((_, i) => values[i] === undefined)
  if (lacking !== undefined) throw new Failure(`no sysctl ${lacking} here`)
  if (json) io.out(`${toJson(Object.fromEntries(names.map((name, i) => [name, values[i]])))}\n`)
  else for (const [i, name] of names.entries()) io.out(`${name} = ${values[i]}\n`)
}

const changeText = ({ sysctl, before, after }: SettingChange): string =>
  before === null
    ? `${sysctl}: this kernel has none\n`
    : `${sysctl}: ${before}${before === after ? '' : ` → ${after}`}\n`

const set = (io: Io, where: Where, json: boolean, words: readonly string[]): void => {
  if (words.length === 0) throw new UsageError('sysctl: set what? NAME=VALUE')
  const settings = words.map((word) => {
    const at = word.indexOf('=')
    if (at < 1) throw new UsageError(`sysctl: ${word}: expected NAME=VALUE`)
    return { sysctl: full(word.slice(0, at)), value: word.slice(at + 1).trim() }
  })
  for (const setting of settings) {
    try {
      checkSetting(setting)
    } catch (error) {
      throw new UsageError(`sysctl: ${(error as Error).message}`)
    }
  }
  const changes = writeSettings(settings, where)
  io.out(json ? `${toJson(changes)}\n` : changes.map(changeText).join(''))
}

const quoted = (word: string): string => (/\s/.test(word) ? `'${word}'` : word)

/** The command that gives the old values back. */
const undoing = (changes: readonly SettingChange[], netns: string | undefined): string => {
  const words = changes.flatMap(({ sysctl, before, after }) =>
    before === null || before === after ? [] : [quoted(`${short(sysctl)}=${before}`)],
  )
  const at = netns === undefined ? '' : ` --netns ${netns}`
  return words.length === 0 ? 'nothing was changed\n' : `undo: ipvs sysctl set ${words.join(' ')}${at}\n`
}

interface ProfileValues {
  readonly apply: boolean
  readonly json: boolean
  readonly 'strict-arp': boolean
  readonly kernel?: string | undefined
  readonly netns?: string | undefined
}

const showProfile = async (
  io: Io,
  where: Where,
  values: ProfileValues,
  words: readonly string[],
): Promise<void> => {
  const [name = '', ...more] = words
  atMost('sysctl', more, 0)
  if (!(profileNames as readonly string[]).includes(name)) throw unknownWord('profile', name, profileNames)
  const entries = profile(name as ProfileName, { strictArp: values['strict-arp'], kernel: values.kernel })
  // IPVS brings its sysctls, and asking for it loads it.
  if (values.apply) await (await Ipvs.open(openOptions(values.netns))).close()
  const changes = values.apply
    ? (await applyProfile(entries, where)).changes
    : await compareProfile(entries, where)
  if (values.json) {
    io.out(`${toJson(changes.map((change, i) => ({ ...change, why: entries[i]!.why })))}\n`)
    return
  }
  for (const [i, change] of changes.entries()) io.out(`${changeText(change)}    ${entries[i]!.why}\n`)
  if (values.apply) io.out(undoing(changes, values.netns))
}

export const sysctl: Run = async (args, io) => {
  const parsed = readArguments('sysctl', usage, args, io, {
    apply: { type: 'boolean', default: false },
    'strict-arp': { type: 'boolean', default: false },
    kernel: { type: 'string' },
  })
  if (parsed === undefined) return 0
  const { values, positionals } = parsed
  const [verb = 'list', ...words] = positionals
  const where = openOptions(values.netns)
  const { json } = values
  if (verb !== 'profile' && (values.apply || values['strict-arp'] || values.kernel !== undefined))
    throw new UsageError(`sysctl: --apply, --strict-arp and --kernel are for profile`)
  if (verb === 'list') {
    atMost('sysctl', words, 0)
    await list(io, where, json)
  } else if (verb === 'get') get(io, where, json, words)
  else if (verb === 'set') set(io, where, json, words)
  else if (verb === 'profile') await showProfile(io, where, values, words)
  else throw unknownWord('word of sysctl', verb, ['list', 'get', 'set', 'profile'])
  return 0
}
