// Profiles: the sysctls that a kind of director needs, each with its reason; set together, and taken back.
// SPDX-License-Identifier: MIT

import { release } from 'node:os'
import * as check from './check.js'
import type { Where } from './files.js'
import { before } from './kernel-version.js'
import { checkLoaded, readSettings, type SettingChange, undoSettings, writeSettings } from './sysctls.js'

/** A sysctl that a profile sets. */
export interface ProfileEntry {
  /** Full name, such as `net.ipv4.vs.conntrack`. */
  readonly sysctl: string
  /** As it is written to the sysctl. */
  readonly value: string
  /** What would happen otherwise. */
  readonly why: string
}

/** What a profile is made for. */
export interface ProfileOptions {
  /** The kernel that it is for, as `uname -r` prints it. Default: the running one. */
  readonly kernel?: string | undefined
  /**
   * `kubernetes` only: what kube-proxy sets with `strictARP`, so that a node does not answer ARP for addresses of
   * services. Default false.
   */
  readonly strictArp?: boolean | undefined
}

type Make = (kernel: string, strictArp: boolean) => readonly ProfileEntry[]

const entry = (sysctl: string, value: number, why: string): ProfileEntry => ({
  sysctl,
  value: String(value),
  why,
})
const vs = (name: string, value: number, why: string): ProfileEntry =>
  entry(`net.ipv4.vs.${name}`, value, why)

const directReturn: Make = () => [
  vs(
    'conntrack',
    0,
    'replies do not pass here, so that conntrack would see half of each connection, take it for invalid and fill up',
  ),
  vs(
    'sloppy_tcp',
    1,
    'a connection that another director began is taken over at its next packet, and the hash finds its server; ' +
      'otherwise only a SYN begins one, and a takeover breaks them all',
  ),
  vs('sloppy_sctp', 1, 'the same for SCTP'),
  vs(
    'schedule_icmp',
    1,
    'an ICMP error (fragmentation needed) may come to a director that has not seen the connection: it goes to the ' +
      'server that the hash gives the connection, so that path MTU discovery works',
  ),
  vs(
    'expire_nodest_conn',
    1,
    'connections of a deleted server end and are hashed again, so that clients learn by a reset instead of waiting',
  ),
  vs(
    'expire_quiescent_template',
    1,
    'where a service is persistent: its clients leave a quiesced server, as the hash already sends the others away',
  ),
  vs(
    'conn_reuse_mode',
    2,
    'a port that is used again is hashed again also after FIN_WAIT, the last that a director sees of a connection ' +
      'here; otherwise it goes to the server of before, which another director would not choose',
  ),
]

const kubernetes: Make = (kernel, strictArp) => [
  vs(
    'conntrack',
    1,
    'kube-proxy masquerades by netfilter rules, which need conntrack entries of the connections',
  ),
  before(kernel, '5.9')
    ? vs(
        'conn_reuse_mode',
        0,
        'before Linux 5.9, 1 drops the SYN of a port used before, which costs the client a second; the price of 0: ' +
          'such a connection goes to the server of before, even one that is about to be removed',
      )
    : vs(
        'conn_reuse_mode',
        1,
        'since Linux 5.9 a port used before is scheduled anew without delay; 0 would send it to the server of ' +
          'before, even one that is about to be removed',
      ),
  vs(
    'expire_nodest_conn',
    1,
    'connections of a removed endpoint end, instead of having their packets dropped in silence',
  ),
  vs('expire_quiescent_template', 1, 'clients with session affinity leave an endpoint that is being removed'),
  entry('net.ipv4.ip_forward', 1, 'packets of pods and their replies are forwarded by the node'),
  ...(strictArp
    ? [
        entry(
          'net.ipv4.conf.all.arp_ignore',
          1,
          'addresses of services are on a dummy link: no answer to ARP for them on others',
        ),
        entry(
          'net.ipv4.conf.all.arp_announce',
          2,
          'ARP requests name an address of the link itself, never one of a service',
        ),
      ]
    : []),
]

const profiles: Readonly<Record<ProfileName, Make>> = { 'direct-return': directReturn, kubernetes }

/**
 * - `direct-return`: directors that share a VIP and choose by consistent hashing (msh, maglev, hrw), with direct routing
 *   or tunneling, so that replies do not pass through them and any of them can take over without synchronisation.
 * - `kubernetes`: what kube-proxy sets in its mode ipvs.
 */
export type ProfileName = 'direct-return' | 'kubernetes'
export const profileNames = Object.keys(profiles) as readonly ProfileName[]

const fields = new Set(['kernel', 'strictArp'])

/**
 * What a kind of director needs, in the order in which it is set; nothing is changed.
 * @throws TypeError about the arguments.
 */
export const profile = (name: ProfileName, options: ProfileOptions = {}): readonly ProfileEntry[] => {
  const make = check.oneOf('name', name, profiles)
  check.object('options', options)
  check.knownFields('options', options, fields)
  const { kernel = release(), strictArp = false } = options
  return make(kernel, check.boolean('options.strictArp', strictArp))
}

/** What a profile would change in a namespace: the present values and those wanted, `before` null where there is none. */
export const compareProfile = async (
  entries: readonly ProfileEntry[],
  where: Where = {},
): Promise<readonly SettingChange[]> => {
  const values = readSettings(
    entries.map(({ sysctl }) => sysctl),
    where,
  )
  return entries.map(({ sysctl, value }, i) => {
    const now = values[i]
    return { sysctl, before: now ?? null, after: now === undefined ? null : value }
  })
}

/** What became of a profile that was set. */
export interface AppliedProfile {
  /** All of the profile, with what was there before; `before` is null where this kernel has no such sysctl. */
  readonly changes: readonly SettingChange[]
  /** Gives every sysctl the value that it had before. Wrong where somebody else has changed one since. */
  undo(): Promise<void>
}

/**
 * Sets a profile: all of it that this kernel has, or nothing. What others set beside it stays.
 * @throws Error with code ENOENT, before anything is changed, where there is no sysctl of IPVS at all, since a director
 * that is set up in part looks like one that is set up. Error with code and errno as setSysctl(): those set before the one
 * that failed have their old values back.
 */
export const applyProfile = async (
  entries: readonly ProfileEntry[],
  where: Where = {},
): Promise<AppliedProfile> => {
  checkLoaded(
    entries.map(({ sysctl }) => sysctl),
    where,
  )
  const changes = writeSettings(entries, { ...where, optional: true })
  return { changes, undo: async () => undoSettings(changes, where) }
}
