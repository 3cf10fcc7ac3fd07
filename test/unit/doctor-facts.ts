// Facts of a healthy director for the checks of doctor(), to be spoilt by tests.
// SPDX-License-Identifier: MIT

import { expect } from 'vitest'
import { examine } from '../../lib/doctor/doctor.ts'
import type { Facts } from '../../lib/doctor/types.ts'
import type { Link, Route } from '../../lib/network.ts'
import type { DestinationStatus, SnapshotService } from '../../lib/types.ts'

const stats = {
  conns: 0n,
  inPkts: 0n,
  outPkts: 0n,
  inBytes: 0n,
  outBytes: 0n,
  cps: 0,
  inPps: 0,
  outPps: 0,
  inBps: 0,
  outBps: 0,
}

export const link = (name: string, values: Partial<Link> = {}): Link => ({
  index: 1,
  name,
  mtu: 1500,
  kind: 'veth',
  type: 1,
  up: true,
  loopback: false,
  arp: true,
  alias: undefined,
  address: new Uint8Array(6),
  ipv4: new Map(),
  ipv6: new Map(),
  ...values,
})

export const lo = link('lo', { loopback: true, mtu: 65_536, type: 772 })
export const front = link('front')
export const back = link('back')

export const server = (values: Partial<DestinationStatus> = {}): DestinationStatus => ({
  address: '10.0.0.1',
  port: 80,
  family: 'ipv4',
  forwarding: 'direct-routing',
  weight: 1,
  upperThreshold: 0,
  lowerThreshold: 0,
  activeConns: 0,
  inactiveConns: 0,
  persistentConns: 0,
  stats,
  ...values,
})

export const service = (
  destinations: readonly DestinationStatus[] = [server(), server({ address: '10.0.0.2' })],
  values: Partial<Pick<SnapshotService, 'scheduler' | 'schedulerFlags' | 'persistence'>> = {},
): SnapshotService => ({
  protocol: 'tcp',
  address: '192.0.2.10',
  port: 80,
  family: 'ipv4',
  scheduler: 'wlc',
  schedulerFlags: [],
  persistence: null,
  onePacket: false,
  stats,
  destinations,
  ...values,
})

const via = (link: Link, values: Partial<Route> = {}): Route => ({
  type: 'unicast',
  link,
  gateway: undefined,
  mtu: link.mtu,
  ...values,
})

export const routes = (
  changes: Readonly<Record<string, Partial<Route>>> = {},
): ReadonlyMap<string, Route> => {
  const usual: Record<string, Route> = {
    '192.0.2.10': via(lo, { type: 'local' }),
    '10.0.0.1': via(back),
    '10.0.0.2': via(back),
    '192.0.0.8': via(front, { gateway: '192.0.2.254' }),
  }
  return new Map(Object.entries(usual).map(([to, route]) => [to, { ...route, ...changes[to] }]))
}

export const facts = (changes: Partial<Facts> = {}): Facts => ({
  kernel: '6.1.0-56-amd64',
  elsewhere: false,
  shared: false,
  realServerOf: [],
  services: [service()],
  daemons: [],
  connectionTableSize: 4096,
  processors: 2,
  sysctls: { conn_reuse_mode: 1, conntrack: 0, run_estimation: 1 },
  settings: new Map([['net.ipv4.ip_forward', '1']]),
  network: {
    links: [lo, front, back],
    addresses: [{ link: front, address: '192.0.2.10', family: 'ipv4', prefixLength: 32, scope: 0 }],
    routes: routes(),
  },
  schedulers: [],
  limits: { connectionsPerBucket: 2, conntrackFill: 0.9, estimatorReads: 1_000_000 },
  ...changes,
})

/** What is found when they are spoilt so. */
export const ids = (changes: Partial<Facts>) => examine(facts(changes)).map(({ id }) => id)

/** The one finding. */
export const only = (changes: Partial<Facts>) => {
  const found = examine(facts(changes))
  expect(found).toHaveLength(1)
  return found[0]!
}
