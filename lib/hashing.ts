// The hashing schedulers in C++, compiled from the header that the kernel modules are made of.
// SPDX-License-Identifier: MIT

import { addon } from './addon.js'

/**
 * Each fills its last argument. Servers are named by their index in `ids`; of hrw, msh and maglev they are sorted
 * by key. In slots NONE stands for no server. See native/predict.h.
 */
export interface Hashing {
  /** Six words a key: family 4 or 6, four of the address (those of IPv4 that are not used are 0), port. */
  ids(scheduler: number, seed: bigint, keys: Uint32Array, ids: BigUint64Array): void
  fill(scheduler: number, ids: BigUint64Array, weights: Uint32Array, slots: Uint16Array): void
  /** For msh and sh: who serves the clients of each slot, by the fallback flag. */
  settle(
    scheduler: number,
    ids: BigUint64Array,
    weights: Uint32Array,
    unusable: Uint8Array,
    slots: Uint16Array,
    settled: Uint16Array,
  ): void
  checksum(ids: BigUint64Array, weights: Uint32Array, slots: Uint16Array, sum: BigUint64Array): void
  /** `unusable` and `ports` may be empty; clients of `width` bytes each; a choice is -1 for none. */
  choose(
    scheduler: number,
    seed: bigint,
    ids: BigUint64Array,
    weights: Uint32Array,
    unusable: Uint8Array,
    slots: Uint16Array,
    clients: Uint8Array,
    width: number,
    ports: Uint16Array,
    choices: Int32Array,
  ): void
}

export const NONE = 0xffff

/** @throws Error with code ERR_IPVS_ADDON, see addon.ts. */
export const hashing = (): Hashing => addon().hashing
