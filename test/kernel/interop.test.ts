// What the client writes is what ipvsadm prints, and what ipvsadm writes is what the client reads.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import type { Destination, DestinationStatus, Service, SnapshotService } from '../../lib/index.ts'
import { nothingCounted } from '../nothing.ts'
import type { Case, Group } from './interop-case.ts'
import { servers } from './interop-servers.ts'
import { services } from './interop-services.ts'
import { apply, counterLines, listing, procLines, ruleLines, thresholdLines } from './ipvsadm.ts'
import { moduleExists, namespace, open, since } from './namespace.ts'

const groups = [...services, ...servers]

const familyOf = (address: string) => (address.includes(':') ? 'ipv6' : 'ipv4')

/** Every field of a real server, the defaults spelled out here once more: they are promised. */
const destinationStatus = ({ tunnel, ...to }: Destination, service: Service): DestinationStatus => {
  const status = {
    port: service.port ?? 0,
    family: familyOf(to.address),
    forwarding: 'direct-routing',
    weight: 1,
    upperThreshold: 0,
    lowerThreshold: 0,
    ...to,
    activeConns: 0,
    inactiveConns: 0,
    persistentConns: 0,
    stats: nothingCounted,
  }
  if (to.forwarding !== 'tunneling') return status as DestinationStatus
  const { type = 'ipip' } = tunnel ?? {}
  const read = type === 'ipip' ? { type } : { checksum: 'none', ...tunnel, type }
  return { ...status, tunnel: read } as DestinationStatus
}

/** Every field that is read back. A dump has the newest real server first. */
const expected = ({ service, destinations = [], reads }: Case): SnapshotService => {
  const family = service.address === undefined ? (service.family ?? 'ipv4') : familyOf(service.address)
  const widest = family === 'ipv6' ? 128 : '255.255.255.255'
  return {
    scheduler: 'wlc',
    schedulerFlags: [],
    onePacket: false,
    stats: nothingCounted,
    ...service,
    family,
    persistence: service.persistence ? { timeout: 360, netmask: widest, ...service.persistence } : null,
    ...reads,
    destinations: destinations.map((to) => destinationStatus(to, service)).reverse(),
  } as SnapshotService
}

/** The kernel's order of services is that of its hash. */
const sorted = (services: readonly SnapshotService[]): SnapshotService[] => {
  const name = ({ fwmark, family, protocol, address, port }: SnapshotService): string =>
    [fwmark, family, protocol, address, port].join(' ')
  return services.toSorted((a, b) => (name(a) < name(b) ? -1 : 1))
}

/** From the stated version on a missing module is a failure, not a skip. */
const lacks = ({ needs }: Group): boolean =>
  needs !== undefined && !since(needs.since) && !moduleExists(needs.module)

test('the tables have the variety that they were made for', () => {
  const rows = groups.flatMap((group) => group.rows)
  expect(rows.length).toBeGreaterThanOrEqual(40)
  expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length)
})

for (const group of groups) {
  const status = sorted(group.rows.map(expected))

  test.skipIf(lacks(group))(`${group.name}: the client writes, ipvsadm and /proc agree`, async () => {
    const netns = namespace()
    const ipvs = await open(netns.path)
    await Promise.all(
      group.rows.flatMap(({ service, destinations = [] }) => [
        ipvs.services.add(service),
        ...destinations.map((to) => ipvs.destinations.add(service, to)),
      ]),
    )
    expect(listing(netns)).toStrictEqual({
      rules: ruleLines(group.rows.flatMap(({ rules }) => rules)),
      proc: procLines(status),
      thresholds: thresholdLines(status),
      counters: counterLines(status),
    })
    expect(sorted((await ipvs.snapshot()).services)).toStrictEqual(status)
  })

  test.skipIf(lacks(group))(`${group.name}: ipvsadm writes, the client reads`, async () => {
    const netns = namespace()
    apply(
      netns,
      group.rows.flatMap(({ rules, typed }) => typed ?? rules),
    )
    const ipvs = await open(netns.path)
    const { services, stable } = await ipvs.snapshot()
    expect(stable).toBe(true)
    expect(sorted(services)).toStrictEqual(status)
  })
}
