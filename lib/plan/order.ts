// The order of changes in which every prefix is safe, and the same whatever the order of the desired table.
// SPDX-License-Identifier: MIT

import type { Address, WireDestination, WireService } from '../abi.js'
import { bytesOf } from '../address.js'
import type { PlannedChange } from './types.js'

/** Changes of one phase do not depend on each other. */
export const phases = [
  'add services',
  'edit services',
  'add servers',
  'raise servers',
  'lower servers',
  'delete servers',
  'delete services',
] as const

export type Phase = (typeof phases)[number]

const givesWeight = ({ before, after }: Extract<PlannedChange, { kind: 'edit-destination' }>): boolean =>
  before.weight === 0 && (after.weight ?? 0) > 0
const takesWeight = ({ before, after }: Extract<PlannedChange, { kind: 'edit-destination' }>): boolean =>
  after.weight === 0 && (before.weight ?? 0) > 0

export const phaseOf = (change: PlannedChange): Phase => {
  switch (change.kind) {
    case 'add-service':
      return 'add services'
    case 'edit-service':
      return 'edit services'
    case 'add-destination':
      return 'add servers'
    case 'edit-destination':
      return takesWeight(change) ? 'lower servers' : 'raise servers'
    case 'quiesce-destination':
      return 'lower servers'
    case 'delete-destination':
      return 'delete servers'
    case 'delete-service':
      return 'delete services'
  }
}

/** After it a service has a server for new clients more. */
export const gives = (change: PlannedChange): boolean =>
  change.kind === 'add-destination' || (change.kind === 'edit-destination' && givesWeight(change))

/** After it a service has one less. */
export const takes = (change: PlannedChange): boolean =>
  change.kind === 'quiesce-destination' ||
  change.kind === 'delete-destination' ||
  (change.kind === 'edit-destination' && takesWeight(change))

export const inPhases = (changes: readonly PlannedChange[]): ReadonlyMap<Phase, readonly PlannedChange[]> => {
  const found = new Map<Phase, PlannedChange[]>(phases.map((phase) => [phase, []]))
  for (const change of changes) found.get(phaseOf(change))!.push(change)
  // Weights that come up from 0 first: any other edit may take clients from a server.
  found.get('raise servers')!.sort((a, b) => Number(gives(b)) - Number(gives(a)))
  return found
}

const compareAddresses = (a: Address = 0, b: Address = 0): number => {
  const [first, second] = [bytesOf(a), bytesOf(b)]
  return first.length - second.length || Buffer.compare(first, second)
}

/** Addresses before firewall marks; IPv4 before IPv6. */
export const compareServices = (a: WireService, b: WireService): number =>
  (a.fwmark ?? 0) - (b.fwmark ?? 0) ||
  (a.family ?? 0) - (b.family ?? 0) ||
  compareAddresses(a.address, b.address) ||
  (a.port ?? 0) - (b.port ?? 0) ||
  (a.protocol ?? 0) - (b.protocol ?? 0)

export const compareServers = (a: WireDestination, b: WireDestination): number =>
  compareAddresses(a.address, b.address) || (a.port ?? 0) - (b.port ?? 0)
