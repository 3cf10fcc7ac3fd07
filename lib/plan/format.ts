// A plan in words, a line for each change.
// SPDX-License-Identifier: MIT

import { hostPort } from '../objects.js'
import type { DestinationSettings, ServiceKey, ServiceSettings } from '../types.js'
import { nameOfService } from './table.js'
import type { DestinationName, Plan, PlannedChange, ServiceImpact } from './types.js'

const nameOf = (service: ServiceKey, destination?: DestinationName): string =>
  destination === undefined ? nameOfService(service) : `${hostPort(destination)} of ${nameOfService(service)}`

/** A setting as people say it: `scheduler mh`, `persistence 360 s`, `weight 5`. */
const word = (field: string, value: unknown): string => {
  if (value === undefined) return 'none'
  if (Array.isArray(value)) return value.join(',') || 'none'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value !== 'object') return String(value)
  if (value === null) return 'none'
  const { timeout, type, ...rest } = value as Readonly<Record<string, unknown>>
  const first = field === 'persistence' ? `${timeout ?? 360}s` : String(type ?? 'ipip')
  const others = Object.entries(rest).flatMap(([name, item]) => (item == null ? [] : `${name}=${item}`))
  return [first, ...others].join(' ')
}

/** Settings of something new; those that are nothing out of the ordinary are left out. */
const settingsText = (settings: ServiceSettings | DestinationSettings): string => {
  const entries = Object.entries(settings).filter(
    ([field, value]) =>
      value !== null && value !== false && !(field.endsWith('Threshold') && value === 0) && !isEmpty(value),
  )
  return entries.map(([field, value]) => `${field} ${word(field, value)}`).join(', ')
}

const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0

const editText = (before: object, after: object): string =>
  Object.entries(after)
    .map(([field, value]) => `${field} ${word(field, before[field as never])} → ${word(field, value)}`)
    .join(', ')

/** A change in one line: `~ 10.0.0.2:80 of 192.0.2.10:80/tcp: weight 1 → 5`. */
export const formatChange = (change: PlannedChange): string => {
  switch (change.kind) {
    case 'add-service':
      return `+ ${nameOf(change.service)}: ${settingsText(change.after)}`
    case 'add-destination':
      return `+ ${nameOf(change.service, change.destination)}: ${settingsText(change.after)}`
    case 'edit-service':
      return `~ ${nameOf(change.service)}: ${editText(change.before, change.after)}`
    case 'edit-destination':
      return `~ ${nameOf(change.service, change.destination)}: ${editText(change.before, change.after)}`
    case 'quiesce-destination':
      return `~ ${nameOf(change.service, change.destination)}: ${editText(change.before, change.after)}, quiesced`
    case 'delete-destination':
      // Not quiesced, see compare.ts: its connections of the moment break.
      return `- ${nameOf(change.service, change.destination)}${change.before.weight ? ', at once' : ''}`
    case 'delete-service': {
      const { length } = change.before.destinations
      return `- ${nameOf(change.service)} with ${length} real server${length === 1 ? '' : 's'}`
    }
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 2 : 1)} %`

const impactText = ({ service, moved, minimum }: ServiceImpact): string =>
  `  ${nameOf(service)}: ${percent(moved)} of the clients get another real server (${percent(minimum)} at least)`

const count = (plan: Plan, ...kinds: readonly PlannedChange['kind'][]): number =>
  plan.changes.filter(({ kind }) => kinds.includes(kind)).length

/** Lines to print: each change in order, what moves clients, and a summary. `no changes` where there are none. */
export const formatPlan = (plan: Plan): string => {
  if (plan.changes.length === 0) return 'no changes'
  const { impactsOmitted } = plan
  const summary = [
    `${count(plan, 'add-service', 'add-destination')} to add`,
    `${count(plan, 'edit-service', 'edit-destination')} to edit`,
    `${count(plan, 'delete-service', 'delete-destination')} to delete`,
  ]
  return [
    ...plan.changes.map(formatChange),
    ...plan.impacts.map(impactText),
    ...(impactsOmitted > 0 ? [`  ${impactsOmitted} more services with a hashing scheduler change`] : []),
    ...(plan.stable ? [] : ['  the table kept changing while it was read: plan again after this']),
    summary.join(', '),
  ].join('\n')
}
