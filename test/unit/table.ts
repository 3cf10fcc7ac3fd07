// Services and real servers as a client reads them, for tests of what is built on readings.
// SPDX-License-Identifier: MIT

import { IpvsError, type Reason } from '../../lib/errors.ts'
import type { DestinationStatus, ServiceStatus, SnapshotService, Stats } from '../../lib/types.ts'
import { nothingCounted } from '../nothing.ts'

export const web = { protocol: 'tcp', address: '192.0.2.10', port: 80 } as const

export const stats = (conns = 0n, inPkts = 0n): Stats => ({
  ...nothingCounted,
  conns,
  inPkts,
  inBytes: inPkts * 100n,
})

export const server = (address: string, settings: Partial<DestinationStatus> = {}): DestinationStatus => ({
  address,
  port: 80,
  family: 'ipv4',
  forwarding: 'masquerading',
  weight: 1,
  upperThreshold: 0,
  lowerThreshold: 0,
  activeConns: 0,
  inactiveConns: 0,
  persistentConns: 0,
  stats: stats(),
  ...settings,
})

export const status = (settings: Partial<ServiceStatus> = {}): ServiceStatus =>
  ({
    ...web,
    family: 'ipv4',
    scheduler: 'wlc',
    schedulerFlags: [],
    persistence: null,
    onePacket: false,
    stats: stats(),
    ...settings,
  }) as ServiceStatus

export const service = (
  destinations: readonly DestinationStatus[] = [],
  settings: Partial<ServiceStatus> = {},
): SnapshotService => ({ ...status(settings), destinations })

export const refusal = (reason: Reason): IpvsError =>
  new IpvsError({ reason, errno: 2, command: 'getDest', explanation: 'scripted' })
