// The table of one prediction: filled once, then asked for clients.
// SPDX-License-Identifier: MIT

import { AF_INET } from '../abi.js'
import { hashing, NONE } from '../hashing.js'
import { schedulers, type Terms } from './options.js'
import type { Servers } from './servers.js'

const nobody = new Uint8Array()

/** Servers are numbered by their order in `servers` within, by the caller's order outside. */
export class Table {
  readonly terms: Terms
  readonly servers: Servers
  /** Bytes of a client's address. */
  readonly width: 4 | 16
  /** Who owns a slot, as the kernel's table says. */
  readonly owners: Uint16Array
  /** Who serves the clients of a slot; with `substitutes`, of an unusable owner, it depends on the client. */
  readonly slots: Uint16Array
  /** Whether unusable servers have others take their clients, client by client. */
  readonly substitutes: boolean
  readonly #ids: BigUint64Array

  constructor(terms: Terms, servers: Servers, family: number) {
    const { scheduler, seed, size, fallsBack } = terms
    const { keys, weights, unusable } = servers
    this.terms = terms
    this.servers = servers
    this.width = family === AF_INET ? 4 : 16
    this.#ids = new BigUint64Array(weights.length)
    hashing().ids(scheduler, seed, keys, this.#ids)
    this.owners = new Uint16Array(size)
    if (scheduler !== schedulers.hrw) hashing().fill(scheduler, this.#ids, weights, this.owners)

    const bySlot = scheduler === schedulers.msh || scheduler === schedulers.sh
    const anyUsable = weights.some((weight, i) => weight > 0 && !unusable[i])
    const replaced = unusable.length > 0 && fallsBack && anyUsable
    this.substitutes = replaced && !bySlot
    this.slots = this.owners
    if (replaced && bySlot) {
      this.slots = new Uint16Array(size)
      hashing().settle(scheduler, this.#ids, weights, unusable, this.owners, this.slots)
    } else if (unusable.length > 0 && !replaced) {
      this.slots = this.owners.map((owner) => (unusable[owner] ? NONE : owner))
    }
  }

  get checksum(): bigint {
    const sum = new BigUint64Array(1)
    hashing().checksum(this.#ids, this.servers.weights, this.owners, sum)
    return sum[0]!
  }

  /** The caller's indexes; -1 for none. `ports` is empty where they do not count. */
  choose(clients: Uint8Array, ports: Uint16Array): Int32Array {
    const { scheduler, seed } = this.terms
    const { order, weights, unusable } = this.servers
    const choices = new Int32Array(clients.length / this.width)
    hashing().choose(
      scheduler,
      seed,
      this.#ids,
      weights,
      this.substitutes ? unusable : nobody,
      this.slots,
      clients,
      this.width,
      ports,
      choices,
    )
    const refuses = scheduler === schedulers.hrw && !this.substitutes
    for (let i = 0; i < choices.length; i++) {
      const choice = choices[i]!
      if (choice >= 0) choices[i] = refuses && unusable[choice] ? -1 : order[choice]!
    }
    return choices
  }

  /** The fraction of clients of each server, in the caller's order, and of those refused. */
  shares(): { readonly shares: readonly number[]; readonly refused: number } {
    const { order } = this.servers
    const shares: number[] = new Array(order.length).fill(0)
    const parts = this.terms.scheduler === schedulers.hrw ? this.#weightParts() : this.#slotParts()
    let total = 0
    for (const part of parts) total += part
    let served = 0
    for (let i = 0; i < order.length; i++) {
      shares[order[i]!] = total === 0 ? 0 : parts[i]! / total
      served += parts[i]!
    }
    return { shares, refused: total === 0 ? 1 : (total - served) / total }
  }

  /** Per server, and at the end for none. */
  #weightParts(): Float64Array {
    const { weights, unusable } = this.servers
    const parts = new Float64Array(weights.length + 1)
    for (let i = 0; i < weights.length; i++) {
      if (!unusable[i]) parts[i] = weights[i]!
      else if (!this.substitutes) parts[weights.length]! += weights[i]!
    }
    return parts
  }

  #slotParts(): Float64Array {
    const { weights, unusable } = this.servers
    const parts = new Float64Array(weights.length + 1)
    for (const slot of this.slots) parts[Math.min(slot, weights.length)]! += 1
    if (!this.substitutes) return parts
    // maglev falls back by weight; mh probes slots at random until one is usable.
    let left = 0
    for (let i = 0; i < weights.length; i++) {
      if (!unusable[i]) continue
      left += parts[i]!
      parts[i] = 0
    }
    const basis = this.terms.scheduler === schedulers.maglev ? weights : parts.slice(0, weights.length)
    let sum = 0
    for (let i = 0; i < weights.length; i++) if (!unusable[i]) sum += basis[i]!
    for (let i = 0; i < weights.length; i++) {
      if (!unusable[i] && sum > 0) parts[i]! += (left * basis[i]!) / sum
    }
    if (sum === 0) parts[weights.length]! += left
    return parts
  }
}
