// One change carried out: unless somebody made it already, or changed what it is about.
// SPDX-License-Identifier: MIT

import type { Director } from '../director.js'
import { isReason, unlessGone } from '../gone.js'
import type { WriteOptions } from '../types.js'
import { type Current, differences, isAsBefore } from './current.js'
import { formatChange } from './format.js'
import { destinationSettings } from './settings.js'
import type { ChangeOutcome, PlannedChange } from './types.js'

type Kind<K extends PlannedChange['kind']> = Extract<PlannedChange, { kind: K }>
type Clients = Pick<Director, 'services' | 'destinations'>
/** True when it was written, false when it was so already; or why it was not made. */
type Made = boolean | Omit<Extract<ChangeOutcome, { status: 'skipped' }>, 'status' | 'change'>

const changed = (explanation: string): Made => ({ reason: 'changed', explanation })

const text = (value: unknown): string => JSON.stringify(value) ?? 'nothing'

/** Whether an edit is due: what it changes is as the plan saw it, or as it will be. */
const due = (current: object, { before, after }: { before: object; after: object }): Made => {
  if (differences(current, after).length === 0) return false
  const other = Object.keys(after).filter((field) =>
    differences(current, { [field]: before[field as never] }).includes(field),
  )
  if (other.length === 0) return true
  const fields = other.map(
    (field) => `${field} is ${text(current[field as never])}, the plan saw ${text(before[field as never])}`,
  )
  return changed(fields.join('; '))
}

const addService = async (
  { services }: Clients,
  { service, after }: Kind<'add-service'>,
  current: Current,
  options: WriteOptions,
): Promise<Made> => {
  try {
    await services.add({ ...service, ...after }, options)
    return true
  } catch (error) {
    if (!isReason(error, 'service-exists')) throw error
    const found = await current.service(service)
    if (found === undefined || differences(found, after).length > 0) throw error
    return false
  }
}

const addDestination = async (
  { destinations }: Clients,
  { service, destination, after }: Kind<'add-destination'>,
  current: Current,
  options: WriteOptions,
): Promise<Made> => {
  try {
    await destinations.add(service, { ...destination, ...after }, options)
    return true
  } catch (error) {
    if (!isReason(error, 'destination-exists')) throw error
    const found = await current.server(service, destination)
    if (found === undefined || differences(found, after).length > 0) throw error
    return false
  }
}

const editService = async (
  { services }: Clients,
  change: Kind<'edit-service'>,
  current: Current,
  options: WriteOptions,
): Promise<Made> => {
  const found = await current.service(change.service)
  const made = found === undefined || due(found, change)
  if (made === true) await services.edit(change.service, change.after, options)
  return made
}

const editDestination = async (
  { destinations }: Clients,
  change: Kind<'edit-destination'>,
  current: Current,
  options: WriteOptions,
): Promise<Made> => {
  const { service, destination, after } = change
  const found = await current.server(service, destination)
  const made = found === undefined || due(found, change)
  if (made === true) await destinations.edit(service, destination, after, options)
  return made
}

/** True; false where what it is about was gone when the kernel got it. */
const unlessGoneAlready = async (call: Promise<void>): Promise<boolean> =>
  (await unlessGone(call.then(() => true))) ?? false

/** The server is to go, whatever its weight is by now. */
const quiesce = async (
  { destinations }: Clients,
  { service, destination, after }: Kind<'quiesce-destination'>,
  current: Current,
  options: WriteOptions,
): Promise<Made> => {
  const found = await current.server(service, destination)
  if (found === undefined || found.weight === 0) return false
  // All settings are named, so that the kernel itself says whether the server is there, and not another list; and
  // they are its own, whoever made them.
  const settings = { ...destinationSettings(found), ...after }
  return unlessGoneAlready(destinations.edit(service, destination, settings, { ...options, force: true }))
}

/** A server that serves clients, and was to be quiesced by now, is not deleted: somebody brought it back. */
const deleteDestination = async (
  { destinations }: Clients,
  { service, destination, before }: Kind<'delete-destination'>,
  current: Current,
  { signal }: WriteOptions,
): Promise<Made> => {
  const found = await current.server(service, destination)
  if (found === undefined) return false
  if (found.weight !== 0 && found.weight !== before.weight) {
    return changed(`weight is ${found.weight}, the plan deletes it at ${text(before.weight)}`)
  }
  return unlessGoneAlready(destinations.delete(service, destination, { signal }))
}

/** Others may have come to use it since the plan was made. */
const deleteService = async (
  { services }: Clients,
  { service, before }: Kind<'delete-service'>,
  current: Current,
  { signal }: WriteOptions,
): Promise<Made> => {
  const [found, servers] = await Promise.all([current.service(service), current.servers(service)])
  if (found === undefined || servers === undefined) return false
  if (!isAsBefore(found, servers, before))
    return changed('the service is not what it was when the plan was made')
  return unlessGoneAlready(services.delete(service, { signal }))
}

const make = (
  clients: Clients,
  change: PlannedChange,
  current: Current,
  options: WriteOptions,
): Promise<Made> => {
  switch (change.kind) {
    case 'add-service':
      return addService(clients, change, current, options)
    case 'edit-service':
      return editService(clients, change, current, options)
    case 'delete-service':
      return deleteService(clients, change, current, options)
    case 'add-destination':
      return addDestination(clients, change, current, options)
    case 'edit-destination':
      return editDestination(clients, change, current, options)
    case 'quiesce-destination':
      return quiesce(clients, change, current, options)
    case 'delete-destination':
      return deleteDestination(clients, change, current, options)
  }
}

export const aborted = (change: PlannedChange): ChangeOutcome => ({
  status: 'skipped',
  change,
  reason: 'aborted',
  explanation: 'not sent: the signal aborted',
})

/** Never rejects. */
export const carryOut = async (
  clients: Clients,
  change: PlannedChange,
  current: Current,
  options: WriteOptions,
): Promise<ChangeOutcome> => {
  try {
    const made = await make(clients, change, current, options)
    return typeof made === 'boolean'
      ? { status: 'done', change, written: made }
      : { status: 'skipped', change, ...made }
  } catch (error) {
    if (options.signal?.aborted && error === options.signal.reason) return aborted(change)
    return { status: 'failed', change, error: error instanceof Error ? error : new Error(String(error)) }
  }
}

/** That a change was not made because another one was not. */
export const dependent = (change: PlannedChange, on: PlannedChange): ChangeOutcome => ({
  status: 'skipped',
  change,
  reason: 'depends',
  explanation: `not sent, because this was not done: ${formatChange(on)}`,
})
