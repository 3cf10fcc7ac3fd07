// ipvs/testing: the public names, nothing else.
// SPDX-License-Identifier: MIT

export type { Errno } from '../errno.js'
export { type Connections, type LossOptions, type MemoryIpvs, memoryIpvs } from './memory.js'
export { inTreeSchedulers, type MemoryOptions } from './options.js'
