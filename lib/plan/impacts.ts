// Which share of a service's clients its changes move, where its scheduler goes by their address.
// SPDX-License-Identifier: MIT

import { serviceKey } from '../model/service.js'
import { hostPort } from '../objects.js'
import { impact } from '../predict/impact.js'
import { predict } from '../predict/predict.js'
import type { PredictableDestination, PredictableScheduler, Prediction } from '../predict/types.js'
import type { SnapshotService } from '../types.js'
import { keyOf } from './table.js'
import type { PlannedChange, ServiceImpact, ServiceState } from './types.js'

/** A service before and after. */
export interface Comparison {
  readonly changes: readonly PlannedChange[]
  /** Undefined where there is nothing before, or nothing after. */
  readonly current: SnapshotService | undefined
  readonly settings: ServiceState | undefined
}

const hashing: ReadonlySet<string> = new Set(['msh', 'maglev', 'hrw', 'sh', 'mh'])

/** As the kernel will list them: newest first, which is all the same to msh, maglev and hrw. */
const serversAfter = ({ current, changes }: Comparison): readonly PredictableDestination[] => {
  const servers = new Map<string, PredictableDestination>()
  const added: PredictableDestination[] = []
  for (const { address, port, weight } of current?.destinations ?? []) {
    servers.set(hostPort({ address, port }), { address, port, weight })
  }
  for (const change of changes) {
    if (!('destination' in change)) continue
    const name = hostPort(change.destination)
    if (change.kind === 'add-destination') {
      added.unshift({ ...change.destination, weight: change.after.weight })
    } else if (change.kind === 'delete-destination') {
      servers.delete(name)
    } else if (change.kind === 'edit-destination' && change.after.weight !== undefined) {
      const { weight } = change.after
      servers.set(name, {
        ...change.destination,
        weight,
        lastWeight: change.before.weight,
      })
    }
  }
  return [...added, ...servers.values()]
}

/** True where the changes may give clients another server, and which ones can be computed. */
export const movesClients = ({ current, settings, changes }: Comparison): boolean =>
  hashing.has(current?.scheduler ?? '') &&
  hashing.has(settings?.scheduler ?? '') &&
  changes.some(
    ({ kind, after }) =>
      kind === 'add-destination' ||
      kind === 'delete-destination' ||
      (kind === 'edit-destination' && after.weight !== undefined) ||
      (kind === 'edit-service' && (after.scheduler !== undefined || after.schedulerFlags !== undefined)),
  )

const predictionOf = (
  service: SnapshotService,
  { scheduler, schedulerFlags }: Pick<ServiceState, 'scheduler' | 'schedulerFlags'>,
  destinations: readonly PredictableDestination[],
): Prediction => predict(scheduler as PredictableScheduler, destinations, { service, schedulerFlags })

/**
 * Of one for which movesClients() holds. Undefined where it moves nobody after all, or the kernel would not do it, or there
 * is no addon, which computes it.
 */
export const impactOf = (unit: Comparison): ServiceImpact | undefined => {
  const { current, settings } = unit
  if (current === undefined || settings === undefined) return undefined
  try {
    const before = current.destinations.map(({ address, port, weight }) => ({ address, port, weight }))
    const { moved, minimum, excess, basis } = impact(
      predictionOf(current, current, before),
      predictionOf(current, settings, serversAfter(unit)),
    )
    return moved > 0 ? { service: keyOf(serviceKey(current)), moved, minimum, excess, basis } : undefined
  } catch (error) {
    if (error instanceof RangeError) return undefined // more servers than the scheduler has slots
    // Of a table in memory (ipvs/testing), where there is no kernel either.
    if ((error as { readonly code?: unknown }).code === 'ERR_IPVS_ADDON') return undefined
    throw error
  }
}
