// The public names, nothing else.
// SPDX-License-Identifier: MIT

export type { Command } from './abi.js'
export type { OpenOptions, TransactionContext } from './channel.js'
export type { Daemons } from './daemons.js'
export type { Destinations } from './destinations.js'
export type { Director } from './director.js'
export { IpvsError, type Reason } from './errors.js'
export { Ipvs } from './ipvs.js'
export type { NetworkNamespace } from './netlink/socket.js'
export { impact } from './predict/impact.js'
export { predict } from './predict/predict.js'
export type * from './predict/types.js'
export type { Request } from './request.js'
export type { Services } from './services.js'
export { IpvsSync } from './sync.js'
export type * from './types.js'
