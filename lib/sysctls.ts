// The sysctls of a network namespace: those of IPVS typed, others by their full name.
// SPDX-License-Identifier: MIT

import * as check from './check.js'
import { readFiles, type Where, writeFile } from './files.js'
import { type SysctlInfo, type SysctlName, type Sysctls, type SysctlValue, sysctls } from './sysctls-table.js'

const PREFIX = 'net.ipv4.vs.'
const names = Object.keys(sysctls) as SysctlName[]

/** `net.ipv4.conf.eth0/100.rp_filter` is of the interface eth0.100, as sysctl(8) writes it. */
const swap = (text: string, from: string, to: string): string =>
  text.replace(/[./]/g, (character) => (character === from ? to : from))

export const pathOf = (name: string): string => `/proc/sys/${swap(name, '.', '/')}`

/** Of the settings of an interface, such as rp_filter. */
export const confOf = (family: 'ipv4' | 'ipv6', link: string, setting: string): string =>
  `net.${family}.conf.${swap(link, '.', '/')}.${setting}`

const isName = (name: string): name is SysctlName => Object.hasOwn(sysctls, name)

const checkName = (name: string): SysctlName => {
  if (!isName(name)) check.knownFields('name', { [name]: 1 }, new Set(names))
  return name as SysctlName
}

const parse = <N extends SysctlName>(name: N, text: string): SysctlValue<N> | undefined => {
  const words = text.trim()
  let value: unknown
  if (name === 'est_cpulist') value = words
  else if (name === 'sync_threshold') {
    const pair = /^(-?\d+)\s+(-?\d+)$/.exec(words)
    value = pair === null ? undefined : [Number(pair[1]), Number(pair[2])]
  } else value = /^-?\d+$/.test(words) ? Number(words) : undefined
  return value as SysctlValue<N> | undefined
}

/** The text of a checked value as the kernel takes it. */
const format = (name: SysctlName, value: unknown): string => {
  if (name === 'est_cpulist') {
    if (typeof value !== 'string' || !/^[\w:,/-]*$/.test(value))
      throw new TypeError(`${name}: expected a list of processors such as 0-3,8, got ${String(value)}`)
    return `${value}\n`
  }
  const [least, most] = (sysctls[name] as SysctlInfo).range!
  if (name === 'sync_threshold') {
    if (!Array.isArray(value) || value.length !== 2)
      throw new TypeError(`${name}: expected [threshold, period]`)
    const [threshold, period] = value.map((each, i) => check.integer(`${name}[${i}]`, each, least, most))
    if (period !== 0 && threshold! >= period!)
      throw new RangeError(`${name}: threshold ${threshold} is not below period ${period}`)
    return `${threshold} ${period}`
  }
  const number = check.integer(name, value, least, most)
  if (name === 'sync_ports' && (number & (number - 1)) !== 0)
    throw new RangeError(`${name}: expected a power of two, got ${number}`)
  return String(number)
}

/**
 * Reads all sysctls of IPVS that the kernel has in a namespace: none where IPVS is not loaded, nor, before Linux 7, in a
 * namespace of an unprivileged user.
 * @throws Error with code and errno when the namespace cannot be entered, which needs CAP_SYS_ADMIN.
 */
export const readSysctls = async (where: Where = {}): Promise<Sysctls> => {
  const texts = readFiles(
    names.map((name) => pathOf(PREFIX + name)),
    where,
  )
  return Object.fromEntries(
    names.flatMap((name, i) => {
      const text = texts[i]
      const value = text === undefined ? undefined : parse(name, text)
      return value === undefined ? [] : [[name, value]]
    }),
  )
}

/**
 * Reads one.
 * @throws TypeError for a name that is none; Error with code ENOENT when this kernel, or this namespace, has no such
 * sysctl; as readSysctls().
 */
export const getSysctl = async <N extends SysctlName>(
  name: N,
  where: Where = {},
): Promise<SysctlValue<N>> => {
  const path = pathOf(PREFIX + checkName(name))
  const [text] = readFiles([path], where)
  const value = text === undefined ? undefined : parse(name, text)
  if (value === undefined) throw missing(PREFIX + name)
  return value
}

const missing = (name: string): Error => {
  const short = name.slice(PREFIX.length)
  const since =
    name.startsWith(PREFIX) && isName(short) ? ` (since Linux ${sysctls[short].since}; is ip_vs loaded?)` : ''
  return Object.assign(new Error(`no sysctl ${name} here${since}`), { code: 'ENOENT' })
}

/**
 * Sets one.
 * @throws TypeError or RangeError for a name or a value that cannot be, before anything is changed; Error with code
 * EACCES, EPERM (needs root), EINVAL (the kernel refuses it) or ENOENT; as readSysctls().
 */
export const setSysctl = async <N extends SysctlName>(
  name: N,
  value: SysctlValue<N>,
  where: Where = {},
): Promise<void> => {
  const text = format(checkName(name), value)
  const path = pathOf(PREFIX + name)
  if (readFiles([path], where)[0] === undefined) throw missing(PREFIX + name)
  writeFile(path, text, where)
}

/** A sysctl by its full name, such as `net.ipv4.ip_forward`, and its text. */
export interface Setting {
  readonly sysctl: string
  readonly value: string
}

/** What became of a setting. */
export interface SettingChange {
  /** Full name, such as `net.ipv4.vs.conntrack`. */
  readonly sysctl: string
  /** null where this kernel, or this namespace, has no such sysctl: nothing is changed then. */
  readonly before: string | null
  /** Its text now. */
  readonly after: string | null
}

const clean = (text: string): string => text.trim().replace(/\s+/g, ' ')

/** The texts of sysctls by their full names, white space made one blank; undefined where there is none. */
export const readSettings = (sysctls: readonly string[], where: Where = {}): (string | undefined)[] =>
  readFiles(sysctls.map(pathOf), where).map((text) => (text === undefined ? undefined : clean(text)))

/** Refuses where some of these are of IPVS and none of those is there. */
export const checkLoaded = (sysctls: readonly string[], where: Where): void => {
  const ours = sysctls.filter((name) => name.startsWith(PREFIX))
  if (ours.length > 0 && readSettings(ours, where).every((text) => text === undefined))
    throw missing(ours[0]!)
}

/** Refuses a value that cannot be, and a name that is none of net.*. */
export const checkSetting = ({ sysctl, value }: Setting): void => {
  const short = sysctl.slice(PREFIX.length)
  if (sysctl.startsWith(PREFIX)) {
    const name = checkName(short)
    const parsed = parse(name, value)
    if (parsed === undefined) throw new TypeError(`${sysctl}: expected a number, got '${value}'`)
    format(name, parsed)
  } else if (!/^net\.[\w./-]+$/.test(sysctl)) {
    throw new TypeError(`${sysctl}: expected a name that begins with net.`)
  }
}

/** Refuses one that is named twice: which value holds would depend on the order. */
const checkOnce = (settings: readonly Setting[]): void => {
  const names = settings.map(({ sysctl }) => sysctl)
  const twice = settings.find(({ sysctl }, i) => names.indexOf(sysctl) < i)
  if (twice !== undefined) throw new TypeError(`${twice.sysctl}: given more than once`)
}

/**
 * Sets them all, or none: names and values are checked first, and where the kernel refuses one, those before it get
 * their old values back. With `optional`, what the kernel does not have is left out and told by `before: null`.
 * @throws TypeError, RangeError or Error as setSysctl().
 */
export const writeSettings = (
  settings: readonly Setting[],
  where: Where & { readonly optional?: boolean } = {},
): SettingChange[] => {
  settings.forEach(checkSetting)
  checkOnce(settings)
  const before = readSettings(
    settings.map(({ sysctl }) => sysctl),
    where,
  )
  if (!where.optional) {
    const lacking = settings.find((_, i) => before[i] === undefined)
    if (lacking !== undefined) throw missing(lacking.sysctl)
  }
  const done: SettingChange[] = []
  for (const [i, { sysctl, value }] of settings.entries()) {
    const old = before[i] ?? null
    if (old !== null && old !== value) {
      try {
        writeFile(pathOf(sysctl), `${value}\n`, where)
      } catch (error) {
        undoSettings(done, where)
        throw error
      }
    }
    done.push({ sysctl, before: old, after: old === null ? null : value })
  }
  return done
}

/** Gives the old values back, the last first. */
export const undoSettings = (changes: readonly SettingChange[], where: Where = {}): void => {
  for (const { sysctl, before, after } of changes.toReversed()) {
    if (before !== null && before !== after) writeFile(pathOf(sysctl), `${before}\n`, where)
  }
}
