// Services and real servers as they were read: what each is called, and what settings it has.
// SPDX-License-Identifier: MIT

import type { ServiceStatus } from './types.js'

export const serviceFields = ['scheduler', 'schedulerFlags', 'persistence', 'onePacket'] as const
export const destinationFields = [
  'forwarding',
  'weight',
  'upperThreshold',
  'lowerThreshold',
  'tunnel',
] as const

/** serviceName() of what the kernel answered, whose text has one spelling: nothing is parsed. */
export const nameOfStatus = ({ fwmark, family, protocol, address, port }: ServiceStatus): string =>
  fwmark === undefined ? `${hostPort({ address, port })}/${protocol}` : `fwmark ${fwmark}/${family}`

/** destinationName() of the same: unique within its service. */
export const hostPort = ({ address, port }: { readonly address: string; readonly port: number }): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
