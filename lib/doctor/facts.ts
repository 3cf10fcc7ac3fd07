// Gathers what the checks of doctor() look at. Reads only.
// SPDX-License-Identifier: MIT

import { existsSync, readdirSync } from 'node:fs'
import { release } from 'node:os'
import { readFiles, type Where } from '../files.js'
import { Ipvs } from '../ipvs.js'
import { type Network, readNetwork } from '../network.js'
import { knowsScheduler } from '../plan/schedulers.js'
import { confOf, readSettings, readSysctls } from '../sysctls.js'
import type { DoctorOptions, Facts, SchedulerFact } from './types.js'

/** Addresses that nobody has: the way to them is the default route (RFC 7600, RFC 6666). */
export const OUTSIDE = { ipv4: '192.0.0.8', ipv6: '100::1' } as const

const limits = { connectionsPerBucket: 2, conntrackFill: 0.9, estimatorReads: 1_000_000 }

/** Everything that is asked of IPVS itself. */
const readDirector = async ({ netns }: Where) => {
  const client = await Ipvs.open(netns === undefined ? {} : { netns })
  try {
    const [{ services }, { connectionTableSize }, daemons] = await Promise.all([
      client.snapshot(),
      client.info(),
      client.daemons.list(),
    ])
    return { services, connectionTableSize, daemons }
  } finally {
    await client.close()
  }
}

const noDirector = { services: [], connectionTableSize: 0, daemons: [] } as const

const global = [
  'net.ipv4.ip_forward',
  'net.ipv6.conf.all.forwarding',
  'net.netfilter.nf_conntrack_count',
  'net.netfilter.nf_conntrack_max',
]
const perLink = ['forwarding', 'rp_filter', 'arp_ignore', 'arp_announce']

const readOthers = ({ links }: Network, where: Where): ReadonlyMap<string, string> => {
  const names = [
    ...global,
    ...['all', ...links.map(({ name }) => name)].flatMap((link) =>
      perLink.map((setting) => confOf('ipv4', link, setting)),
    ),
  ]
  const values = readSettings(names, where)
  return new Map(
    names.flatMap((name, i) => {
      const value = values[i]
      return value === undefined ? [] : [[name, value] as const]
    }),
  )
}

const MODULES = '/lib/modules'
const folders = ['updates/dkms', 'updates', 'extra', 'kernel/net/netfilter/ipvs']
const endings = ['ko', 'ko.xz', 'ko.zst', 'ko.gz']

const fileOf = (kernel: string, scheduler: string): string | undefined =>
  folders
    .flatMap((folder) =>
      endings.map((ending) => `${MODULES}/${kernel}/${folder}/ip_vs_${scheduler}.${ending}`),
    )
    .find((path) => existsSync(path))

const installedKernels = (): string[] => {
  try {
    return readdirSync(MODULES).filter((kernel) => existsSync(`${MODULES}/${kernel}/modules.dep`))
  } catch {
    return []
  }
}

/** Kernels with no list of modules, as in a container, tell nothing. */
const readSchedulers = (schedulers: ReadonlySet<string>): SchedulerFact[] => {
  const running = release()
  return installedKernels().flatMap((kernel) => {
    const knows = knowsScheduler(`${MODULES}/${kernel}`, '')
    return [...schedulers].flatMap((scheduler) => {
      const listed = knows(scheduler)
      if (listed === undefined) return []
      const file = listed ? undefined : fileOf(kernel, scheduler)
      return [{ scheduler, kernel, running: kernel === running, listed, file }]
    })
  })
}

/** Of `0-3` or `0,2-7`. */
const countOf = (list: string): number =>
  list
    .trim()
    .split(',')
    .reduce((sum, part) => {
      const [first, last = first] = part.split('-').map(Number)
      return sum + Math.max(1, last! - first! + 1 || 1)
    }, 0)

export const gatherFacts = async (options: DoctorOptions): Promise<Facts> => {
  const { netns, shared = false, realServerOf = [], schedulers = [] } = options
  const where: Where = { netns }
  const director = realServerOf.length > 0 ? noDirector : await readDirector(where)
  const addresses = director.services.flatMap(({ address, destinations }) => [
    ...(address === undefined ? [] : [address]),
    ...destinations.map((server) => server.address),
  ])
  const [network, sysctls] = await Promise.all([
    readNetwork([...addresses, ...realServerOf, OUTSIDE.ipv4, OUTSIDE.ipv6], where),
    readSysctls(where),
  ])
  const used = new Set([...director.services.map(({ scheduler }) => scheduler), ...schedulers])
  const [possible] = readFiles(['/sys/devices/system/cpu/possible'])
  return {
    kernel: release(),
    elsewhere: netns !== undefined,
    shared,
    realServerOf,
    ...director,
    processors: possible === undefined ? 1 : countOf(possible),
    sysctls,
    settings: readOthers(network, where),
    network,
    schedulers: readSchedulers(used),
    limits: { ...limits, ...options.limits },
  }
}
