// Changes: what differs between two readings of a table, beside counters and numbers of connections.
// SPDX-License-Identifier: MIT

import { isDeepStrictEqual } from 'node:util'
import { destinationFields, hostPort, nameOfStatus, serviceFields } from './objects.js'
import type {
  DestinationSettings,
  DestinationStatus,
  ServiceSettings,
  ServiceStatus,
  SnapshotService,
} from './types.js'

/** A setting before and after, as the status has it; undefined where it has none, such as `tunnel`. */
export interface FieldChange<Field extends string> {
  /** Its name in the settings. */
  readonly field: Field
  /** Its value in the reading before. */
  readonly before: unknown
  /** Its value now. */
  readonly after: unknown
}

/** What became of a service. */
export interface ServiceChange<Type extends string> {
  /** What happened, and to what. */
  readonly type: Type
  /** The service that it is about, or whose real server: as it is now, or as it was last seen. */
  readonly service: ServiceStatus
}

/** What became of a real server. */
export interface DestinationChange<Type extends string> extends ServiceChange<Type> {
  /** The real server: as it is now, or as it was last seen. */
  readonly destination: DestinationStatus
}

/** Which settings changed. */
export interface FieldChanges<Field extends string> {
  /** At least one; counters and numbers of connections are no settings. */
  readonly fields: readonly FieldChange<Field>[]
}

/** One change. Of a service that came or went each real server is listed, too. */
export type TableChange =
  | ServiceChange<'service-added' | 'service-removed'>
  | (ServiceChange<'service-changed'> & FieldChanges<keyof ServiceSettings>)
  | DestinationChange<'destination-added' | 'destination-removed'>
  | (DestinationChange<'destination-changed'> & FieldChanges<keyof DestinationSettings>)

const fieldChanges = <Field extends string>(
  fields: readonly Field[],
  before: { readonly [K in Field]?: unknown },
  after: { readonly [K in Field]?: unknown },
): FieldChange<Field>[] =>
  fields
    .filter((field) => !isDeepStrictEqual(before[field], after[field]))
    .map((field) => ({ field, before: before[field], after: after[field] }))

const withoutDestinations = ({ destinations: _, ...service }: SnapshotService): ServiceStatus => service

const byId = <T>(items: readonly T[], id: (item: T) => string): Map<string, T> =>
  new Map(items.map((item) => [id(item), item]))

/** In the order of the table, not of time; what was removed comes last. */
export const tableChanges = (
  before: readonly SnapshotService[],
  after: readonly SnapshotService[],
): readonly TableChange[] => {
  const [old, now] = [byId(before, nameOfStatus), byId(after, nameOfStatus)]
  const present = after.flatMap((service) => changesOf(old.get(nameOfStatus(service)), service))
  const removed = before.filter((service) => !now.has(nameOfStatus(service)))
  return [...present, ...removed.flatMap(removal)]
}

const changesOf = (before: SnapshotService | undefined, after: SnapshotService): TableChange[] => {
  const service = withoutDestinations(after)
  const old = byId(before?.destinations ?? [], hostPort)
  const now = byId(after.destinations, hostPort)
  const fields = before === undefined ? [] : fieldChanges(serviceFields, before, after)
  return [
    ...(before === undefined ? [{ type: 'service-added', service } as const] : []),
    ...(fields.length > 0 ? [{ type: 'service-changed', service, fields } as const] : []),
    ...after.destinations.flatMap((destination): TableChange[] => {
      const earlier = old.get(hostPort(destination))
      if (earlier === undefined) return [{ type: 'destination-added', service, destination }]
      const fields = fieldChanges(destinationFields, earlier, destination)
      return fields.length > 0 ? [{ type: 'destination-changed', service, destination, fields }] : []
    }),
    ...[...old.values()]
      .filter((destination) => !now.has(hostPort(destination)))
      .map((destination) => ({ type: 'destination-removed', service, destination }) as const),
  ]
}

const removal = (gone: SnapshotService): TableChange[] => {
  const service = withoutDestinations(gone)
  return [
    ...gone.destinations.map(
      (destination) => ({ type: 'destination-removed', service, destination }) as const,
    ),
    { type: 'service-removed', service },
  ]
}
