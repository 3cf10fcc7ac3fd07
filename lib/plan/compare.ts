// The desired table against the one that is there: the changes, in a safe order. Pure: asks no kernel.
// SPDX-License-Identifier: MIT

import type { WireDestination, WireService } from '../abi.js'
import { destinationKey } from '../model/destination.js'
import { serviceKey } from '../model/service.js'
import { hostPort, nameOfStatus } from '../objects.js'
import { refusesQuiesced } from '../quiesced.js'
import type { DestinationStatus, ServiceKey, ServiceSettings, SnapshotService } from '../types.js'
import { type Comparison, impactOf, movesClients } from './impacts.js'
import { compareServers, compareServices, inPhases } from './order.js'
import type { KnowsScheduler } from './schedulers.js'
import {
  addedDestination,
  addedService,
  destinationSettings,
  type Edit,
  editOfDestination,
  editOfService,
  serviceState,
  standsDestination,
  standsService,
} from './settings.js'
import { at, keyOf, type ReadService } from './table.js'
import type { DestinationName, Plan, PlannedChange, PlanOptions, ServiceState } from './types.js'

/** PlanOptions with every default. */
export interface Terms {
  readonly owns: PlanOptions['owns']
  readonly keepWeights: boolean | 'drained'
  readonly prune: boolean | 'destinations'
  readonly force: boolean
  /** Infinity for all. */
  readonly impact: number
  readonly knowsScheduler: KnowsScheduler
}

interface Unit extends Comparison {
  readonly wire: WireService
  readonly changes: readonly PlannedChange[]
}

interface ServerChange {
  readonly wire: WireDestination
  readonly changes: readonly PlannedChange[]
}

export const compare = (
  desired: ReadonlyMap<string, ReadService>,
  table: readonly SnapshotService[],
  terms: Terms,
): Pick<Plan, 'changes' | 'impacts' | 'impactsOmitted'> => {
  const current = new Map<string, SnapshotService>()
  for (const service of table) current.set(nameOfStatus(service), service)
  const units: Unit[] = []
  for (const read of desired.values()) {
    const unit = compareService(read, current.get(read.name), terms)
    if (unit !== undefined) units.push(unit)
  }
  if (terms.prune === true) {
    for (const [name, service] of current) {
      if (!desired.has(name) && terms.owns?.(keyOf(serviceKey(service)))) units.push(deletion(service))
    }
  }
  units.sort((a, b) => compareServices(a.wire, b.wire))
  const changes = [...inPhases(units.flatMap((unit) => unit.changes)).values()].flat()
  const hashing = units.filter(movesClients)
  const impacts = hashing.slice(0, terms.impact).flatMap((unit) => impactOf(unit) ?? [])
  return {
    changes,
    impacts: impacts.sort((a, b) => b.moved - a.moved),
    impactsOmitted: Math.max(0, hashing.length - terms.impact),
  }
}

const deletion = (current: SnapshotService): Unit => {
  const wire = serviceKey(current)
  const before = { ...serviceState(current), destinations: current.destinations.map(contents) }
  return {
    wire,
    current: undefined,
    settings: undefined,
    changes: [{ kind: 'delete-service', service: keyOf(wire), before, after: null }],
  }
}

const contents = (destination: DestinationStatus) => ({
  ...nameOf(destination),
  ...destinationSettings(destination),
})
const nameOf = ({ address, port }: DestinationName): DestinationName => ({ address, port })

/** Undefined where nothing changes. */
const compareService = (
  read: ReadService,
  current: SnapshotService | undefined,
  terms: Terms,
): Unit | undefined => {
  const { path, wire, key, service } = read
  const { force } = terms
  const changes: PlannedChange[] = []
  const needScheduler = (scheduler: string | undefined): void => {
    if (scheduler === undefined || force || terms.knowsScheduler(scheduler) !== false) return
    throw new RangeError(
      `${path}.scheduler: this host has no module ip_vs_${scheduler} for its kernel, loaded or installed ` +
        '({ force: true } tries nevertheless)',
    )
  }
  let edit: Edit<ServiceSettings> | undefined
  if (current === undefined) {
    const after = at(path, () => addedService(service, force))
    needScheduler(after.scheduler)
    changes.push({ kind: 'add-service', service: key, before: null, after })
  } else if (!standsService(service, current)) {
    edit = at(path, () => editOfService(key, service, current, force))
    needScheduler(edit?.after.scheduler)
    if (edit !== undefined) changes.push({ kind: 'edit-service', service: key, ...edit })
  }
  if (read.servers !== undefined) {
    for (const change of compareServersOf(read, read.servers, current, edit?.after, terms))
      changes.push(change)
  }
  if (changes.length === 0) return undefined
  const settings = current && { ...serviceState(current), ...(edit?.after as Partial<ServiceState>) }
  return { wire, current, settings, changes }
}

const nothing: readonly never[] = []

const compareServersOf = (
  read: ReadService,
  wanted: ReadonlyMap<string, number>,
  current: SnapshotService | undefined,
  edited: ServiceSettings | undefined,
  { keepWeights, prune, force }: Terms,
): readonly PlannedChange[] => {
  const { path, wire, key, service } = read
  const found: ServerChange[] = []
  const statuses = current?.destinations ?? nothing
  let met = 0
  for (const status of statuses) {
    const index = wanted.get(hostPort(status))
    if (index === undefined) {
      if (prune === false) continue
      const atOnce = refusesQuiesced({ ...current!, ...(edited as Partial<ServiceState>) })
      found.push({ wire: destinationKey(wire, status), changes: removal(key, status, atOnce) })
      continue
    }
    met++
    const destination = service.destinations![index]!
    const keeps = keepWeights === 'drained' ? status.weight === 0 : keepWeights
    if (standsDestination(destination, status, keeps)) continue
    const edit = at(path, () => editOfDestination(wire, destination, status, keeps, force), index)
    if (edit === undefined) continue
    found.push({
      wire: destinationKey(wire, status),
      changes: [{ kind: 'edit-destination', service: key, destination: nameOf(status), ...edit }],
    })
  }
  if (met < wanted.size) found.push(...additions(read, wanted, statuses, force))
  if (found.length > 1) found.sort((a, b) => compareServers(a.wire, b.wire))
  return found.flatMap(({ changes }) => changes)
}

const additions = (
  { path, wire, key, service }: ReadService,
  wanted: ReadonlyMap<string, number>,
  statuses: readonly DestinationStatus[],
  force: boolean,
): readonly ServerChange[] => {
  const present = new Set(statuses.map(hostPort))
  return [...wanted].flatMap(([name, index]) => {
    if (present.has(name)) return []
    const destination = service.destinations![index]!
    const to = destinationKey(wire, destination)
    const after = at(path, () => addedDestination(wire, destination, force), index)
    const whom = { address: addressOf(name), port: to.port ?? 0 }
    const change = { kind: 'add-destination', service: key, destination: whom, before: null, after } as const
    return [{ wire: to, changes: [change] }]
  })
}

const addressOf = (name: string): string => name.slice(0, name.lastIndexOf(':')).replace(/^\[|\]$/g, '')

/**
 * Quiesced first, so that no new client is sent to it; where the scheduler would refuse those clients instead, deleted
 * at once: that breaks the connections of the moment, and waiting would refuse at least as many new ones.
 */
const removal = (
  service: ServiceKey,
  status: DestinationStatus,
  atOnce: boolean,
): readonly PlannedChange[] => {
  const about = { service, destination: nameOf(status) }
  const { weight } = status
  const kind = 'delete-destination'
  const before = destinationSettings(status)
  if (weight === 0 || atOnce) return [{ kind, ...about, before, after: null }]
  return [
    { kind: 'quiesce-destination', ...about, before: { weight }, after: { weight: 0 } },
    { kind, ...about, before: { ...before, weight: 0 }, after: null },
  ]
}
