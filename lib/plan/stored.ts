// A plan that comes back from a file: checked like any other argument before anything is sent.
// SPDX-License-Identifier: MIT

import * as check from '../check.js'
import { checkDestinationEdit, destinationKey, destinationToWire } from '../model/destination.js'
import { checkServiceEdit, serviceKey, serviceToWire } from '../model/service.js'
import { at } from './table.js'
import type { DestinationName, Plan, PlannedChange, PlannedChangeKind } from './types.js'

const kinds: Readonly<Record<PlannedChangeKind, true>> = {
  'add-service': true,
  'edit-service': true,
  'delete-service': true,
  'add-destination': true,
  'edit-destination': true,
  'quiesce-destination': true,
  'delete-destination': true,
}

/** @throws TypeError or RangeError naming the field. */
export const checkPlan = (plan: Plan): void => {
  check.object('plan', plan)
  if (plan.version !== 1) throw new RangeError('plan.version: expected 1, the only one there is')
  check.boolean('plan.force', plan.force)
  if (!Array.isArray(plan.changes)) throw new TypeError('plan.changes: expected an array')
  plan.changes.forEach((change: PlannedChange, i) => {
    const path = `plan.changes[${i}]`
    check.object(path, change)
    check.oneOf(`${path}.kind`, change.kind, kinds)
    const key = at(path, () => serviceKey(change.service))
    if (change.kind.endsWith('-destination')) {
      at(path, () => destinationKey(key, (change as { destination: DestinationName }).destination))
    }
    at(path, () => checkSettings(key, change))
  })
}

const checkSettings = (key: ReturnType<typeof serviceKey>, change: PlannedChange): void => {
  switch (change.kind) {
    case 'add-service':
      serviceToWire({ ...change.service, ...change.after })
      break
    case 'add-destination':
      destinationToWire(key, { ...change.destination, ...change.after })
      break
    case 'edit-service':
      check.object('before', change.before)
      checkServiceEdit(key, change.after)
      break
    case 'edit-destination':
    case 'quiesce-destination':
      check.object('before', change.before)
      checkDestinationEdit(change.after)
      break
    case 'delete-service':
      check.object('before', change.before)
      if (!Array.isArray(change.before.destinations))
        throw new TypeError('before.destinations: expected an array')
      break
    case 'delete-destination':
      check.object('before', change.before)
  }
}
