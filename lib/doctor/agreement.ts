// Checks of directors that share a VIP: would another one choose the same server, and take its connections over?
// SPDX-License-Identifier: MIT

import { nameOfStatus } from '../objects.js'
import type { SnapshotService } from '../types.js'
import { editService, mayBeTcp, some } from './say.js'
import type { Check, Facts, Finding } from './types.js'

/** These choose by the client and the servers alone, in whatever order they were added. */
const agreeing: readonly string[] = ['msh', 'maglev', 'hrw']
/** These hash the client, too, into a table that depends on the order. */
const ordered: readonly string[] = ['sh', 'mh', 'dh']

const isShared = ({ shared, daemons }: Facts): boolean => shared || daemons.length > 0

const sharedEvidence = ({ daemons, shared }: Facts): string =>
  daemons.length === 0 || shared
    ? 'other directors share the VIPs, as was said'
    : `a synchronisation daemon runs as ${daemons.map(({ state }) => state).join(' and ')}: directors share the VIPs`

const disagreement = (facts: Facts, service: SnapshotService): Finding | undefined => {
  const { scheduler } = service
  const synchronised = facts.daemons.length > 0
  if (agreeing.includes(scheduler) || service.destinations.length < 2) return undefined
  const finding = {
    id: 'directors-disagree',
    evidence: [`${nameOfStatus(service)}: scheduler ${scheduler}`, sharedEvidence(facts)],
    cure: editService({ ...service, scheduler: 'maglev' }),
    price: 'needs the modules of this package on every director (ipvs dkms install); clients move once',
  } as const
  if (ordered.includes(scheduler)) {
    return {
      ...finding,
      severity: synchronised ? 'warning' : 'error',
      consequence:
        `${scheduler} depends on the order in which servers were added: directors send the same client to different ` +
        `servers${synchronised ? ', unless its connection has been synchronised' : ', and a takeover breaks its connections'}`,
    }
  }
  // A scheduler that keeps state needs the state of the other director.
  if (synchronised) return undefined
  return {
    ...finding,
    severity: 'error',
    consequence: `${scheduler} chooses by what this director has done before: a takeover breaks the connections`,
  }
}

export const directorsDisagree: Check = (facts) =>
  isShared(facts) ? facts.services.flatMap((service) => disagreement(facts, service) ?? []) : []

/** Services that another director could go on with. */
const agreed = ({ services }: Facts): readonly SnapshotService[] =>
  services.filter(({ scheduler }) => agreeing.includes(scheduler))

export const takeoverRefused: Check = (facts) => {
  const names = agreed(facts).filter(mayBeTcp).map(nameOfStatus)
  if (!facts.shared || facts.daemons.length > 0 || names.length === 0 || facts.sysctls.sloppy_tcp !== 0)
    return []
  return [
    {
      id: 'takeover-refused',
      severity: 'error',
      evidence: ['net.ipv4.vs.sloppy_tcp = 0', `hashed alike by all directors: ${some(names)}`],
      consequence:
        'only a SYN begins a connection: this director resets the connections that another one began, though it ' +
        'would choose the same server',
      cure: 'sysctl -w net.ipv4.vs.sloppy_tcp=1',
    },
  ]
}

export const icmpNotScheduled: Check = (facts) => {
  const names = agreed(facts).map(nameOfStatus)
  if (!facts.shared || names.length === 0 || facts.sysctls.schedule_icmp !== 0) return []
  return [
    {
      id: 'icmp-not-scheduled',
      severity: 'warning',
      evidence: ['net.ipv4.vs.schedule_icmp = 0', `hashed alike by all directors: ${some(names)}`],
      consequence:
        'an ICMP error (fragmentation needed) that comes to another director than the connection does not reach the ' +
        'server: path MTU discovery fails, downloads hang',
      cure: 'sysctl -w net.ipv4.vs.schedule_icmp=1',
    },
  ]
}
