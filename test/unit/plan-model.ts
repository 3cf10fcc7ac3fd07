// A table in memory that changes of a plan are made to, and tables to desire.
// SPDX-License-Identifier: MIT

import fc from 'fast-check'
import type {
  DesiredTable,
  DestinationStatus,
  PlannedChange,
  Service,
  ServiceStatus,
  Snapshot,
  SnapshotService,
} from '../../lib/index.ts'
import { destinationFromWire, destinationToWire } from '../../lib/model/destination.ts'
import { editedService, serviceFromWire, serviceKey, serviceToWire } from '../../lib/model/service.ts'
import { nothingCounted } from '../nothing.ts'
import { destinationOf, service } from './arbitrary.ts'

const keyText = (key: object): string => JSON.stringify(serviceKey(key as Service), (_, v) => v ?? null)
export const statusOf = (service: Service): ServiceStatus => serviceFromWire(serviceToWire(service))
export const serverOf = (service: Service, server: object): DestinationStatus => {
  const key = serviceKey(service)
  return destinationFromWire(destinationToWire(key, server as { address: string }), key.family ?? 0)
}

/** What the kernel would answer with after these services were added as they are, and with every default. */
export const snapshotOf = ({ services }: DesiredTable): Snapshot => ({
  stable: true,
  services: services.map((service) => ({
    ...statusOf(service),
    destinations: (service.destinations ?? []).map((server) => serverOf(service, server)),
  })),
})

/** Makes one change; throws where the kernel would refuse it. */
export const make = ({ services, stable }: Snapshot, change: PlannedChange): Snapshot => {
  const name = keyText(change.service)
  const index = services.findIndex((service) => keyText(service) === name)
  const found = services[index]
  if ((found === undefined) !== (change.kind === 'add-service')) throw new Error(`${change.kind}: ${name}`)
  const replaced = (service: SnapshotService): Snapshot => ({
    stable,
    services: services.with(index, service),
  })
  if (change.kind === 'add-service') {
    const added = { ...statusOf({ ...change.service, ...change.after } as Service), destinations: [] }
    return { stable, services: [...services, added] }
  }
  if (change.kind === 'delete-service') return { stable, services: services.toSpliced(index, 1) }
  if (change.kind === 'edit-service') {
    const wire = serviceToWire(found!)
    const after = editedService(wire, change.after)
    const { value, mask } = after.flags!
    const flags = { value: (wire.flags!.value & ~mask) | (value & mask), mask }
    return replaced({ ...serviceFromWire({ ...after, flags }), destinations: found!.destinations })
  }
  const { address, port } = change.destination
  const servers = found!.destinations
  const at = servers.findIndex((server) => server.address === address && server.port === port)
  if (at < 0 !== (change.kind === 'add-destination')) throw new Error(`${change.kind}: ${address} ${port}`)
  const destinations =
    change.kind === 'add-destination'
      ? [serverOf(found!, { ...change.destination, ...change.after }), ...servers]
      : change.kind === 'delete-destination'
        ? servers.toSpliced(at, 1)
        : servers.with(at, edited(found!, servers[at]!, change.after))
  return replaced({ ...found!, destinations })
}

const edited = (service: Service, server: DestinationStatus, after: object): DestinationStatus => {
  const { tunnel, ...rest } = { ...server, ...after } as DestinationStatus
  return serverOf(service, rest.forwarding === 'tunneling' && tunnel ? { ...rest, tunnel } : rest)
}

/** Of two tables that ought to be the same: independent of order and counters. */
export const comparable = ({ services }: Pick<Snapshot, 'services'>): string[] =>
  services
    .map(({ destinations, stats, ...service }) => {
      const servers = destinations.map(({ address, port, forwarding, weight, ...rest }) => {
        const { upperThreshold, lowerThreshold, tunnel } = rest
        return JSON.stringify([address, port, forwarding, weight, upperThreshold, lowerThreshold, tunnel])
      })
      return `${JSON.stringify([service, stats === nothingCounted], (_, v) => (typeof v === 'bigint' ? String(v) : v))} ${servers.sort().join()}`
    })
    .sort()

const serversOf = (of: Service) => {
  const { family = 'ipv4', address, port = 0 } = of
  const own = address === undefined ? family : address.includes(':') ? 'ipv6' : 'ipv4'
  return fc.uniqueArray(destinationOf(own, port), {
    maxLength: 5,
    selector: ({ address, port }) => `${address} ${port}`,
  })
}

/** A handful of services that tables have in common, so that there is something to edit, add and delete. */
const withServers = fc.record({ service, other: service }).chain(({ service, other }) =>
  fc.record({
    service: fc.constant(service),
    settings: fc.constant(other),
    before: serversOf(service),
    after: serversOf(service),
    kept: fc.nat(5),
    side: fc.constantFrom('before', 'after', 'both', 'both', 'both'),
  }),
)

export interface Tables {
  readonly before: DesiredTable
  readonly after: DesiredTable
}

const settingsOf = ({ scheduler, schedulerFlags, persistence }: Service, key: Service): object => {
  const dotted = typeof persistence?.netmask === 'string'
  const isV6 = key.family === 'ipv6' || key.address?.includes(':')
  const fits =
    persistence?.netmask === undefined || (isV6 ? !dotted : dotted || Number(persistence.netmask) <= 32)
  return { scheduler, schedulerFlags, ...(fits ? { persistence } : {}) }
}

/** Two tables with much in common. */
export const tables: fc.Arbitrary<Tables> = fc
  .uniqueArray(withServers, { maxLength: 6, selector: ({ service }) => keyText(service) })
  .map((list) => {
    const common = list.map(({ service, settings, before, after, kept, side }) => {
      const names = new Set(before.map(({ address, port }) => `${address} ${port}`))
      const others = after.filter(({ address, port }) => !names.has(`${address} ${port}`))
      // Some servers stay, with settings of others.
      const stay = before.slice(0, kept).map((server, i) => ({
        ...server,
        ...(after[i] === undefined
          ? {}
          : { weight: after[i].weight, upperThreshold: after[i].upperThreshold, lowerThreshold: 0 }),
      }))
      return {
        side,
        before: { ...service, destinations: before },
        after: { ...service, ...settingsOf(settings, service), destinations: [...stay, ...others] },
      }
    })
    return {
      before: { services: common.filter(({ side }) => side !== 'after').map(({ before }) => before) },
      after: { services: common.filter(({ side }) => side !== 'before').map(({ after }) => after) },
    } as Tables
  })
