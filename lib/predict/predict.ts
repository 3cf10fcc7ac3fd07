// Which real server a client gets, from the algorithms that the kernel runs.
// SPDX-License-Identifier: MIT

import { bytesOf, parseAddress } from '../address.js'
import * as check from '../check.js'
import { familyName } from '../model/common.js'
import type { Family } from '../types.js'
import { readOptions } from './options.js'
import { readServers } from './servers.js'
import { Table } from './table.js'
import type {
  Client,
  PredictableDestination,
  PredictableScheduler,
  Prediction,
  PredictOptions,
} from './types.js'

const clientFields = new Set(['address', 'port'])
const noPorts = new Uint16Array()

/** A prediction as impact() looks at it too. */
export class TablePrediction<D extends PredictableDestination> implements Prediction<D> {
  readonly scheduler: PredictableScheduler
  readonly family: Family
  readonly destinations: readonly D[]
  readonly tableSize: number
  readonly checksum: string | null
  readonly shares: readonly number[]
  readonly refused: number
  readonly #table: Table

  constructor(scheduler: PredictableScheduler, destinations: readonly D[], options: PredictOptions) {
    const terms = readOptions(scheduler, options)
    const { servers, family } = readServers(destinations, terms)
    this.#table = new Table(terms, servers, family)
    this.scheduler = scheduler
    this.family = familyName(family)
    this.destinations = [...destinations]
    this.tableSize = terms.size
    const isOurs = scheduler !== 'sh' && scheduler !== 'mh'
    this.checksum = isOurs ? this.#table.checksum.toString(16).padStart(16, '0') : null
    const { shares, refused } = this.#table.shares()
    this.shares = shares
    this.refused = refused
  }

  static tableOf(prediction: TablePrediction<PredictableDestination>): Table {
    return prediction.#table
  }

  destinationOf(client: Client): D | null {
    check.object('client', client)
    check.knownFields('client', client, clientFields)
    const { address, port } = client
    const wire = typeof address === 'string' ? parseAddress(address) : undefined
    if (wire === undefined) throw check.notAddress('client.address', address)
    const bytes = bytesOf(wire)
    if (bytes.length !== this.#table.width) {
      throw new RangeError(
        `client.address: ${address} is not ${this.family} as the service (options.service)`,
      )
    }
    if (port !== undefined || this.#table.terms.usesPort) check.integer('client.port', port, 0, 0xffff)
    const [index] = this.indexesOf(bytes, Uint16Array.of(port ?? 0))
    return this.destinations[index!] ?? null
  }

  indexesOf(addresses: Uint8Array, ports?: Uint16Array): Int32Array {
    const { width, terms } = this.#table
    if (!(addresses instanceof Uint8Array)) throw new TypeError('addresses: expected a Uint8Array')
    if (addresses.length % width !== 0) {
      throw new RangeError(`addresses: ${addresses.length} bytes are no whole ${this.family} addresses`)
    }
    if (!terms.usesPort) return this.#table.choose(addresses, noPorts)
    if (!(ports instanceof Uint16Array)) {
      throw new TypeError('ports: expected a Uint16Array: the service has the flag port')
    }
    if (ports.length !== addresses.length / width) {
      throw new RangeError(`ports: ${ports.length} for ${addresses.length / width} addresses`)
    }
    return this.#table.choose(addresses, ports)
  }
}

/**
 * Says which real server each client gets: computed by the code that the kernel modules msh, maglev and hrw are made
 * of, and for the kernel's own sh and mh from their behaviour (since Linux 4.18). Nothing is read from the kernel:
 * what is predicted may not exist yet. Persistence is not looked at: where a service has it, this says where the
 * first connection of a client, or of a masked network, goes.
 *
 * The order of `destinations` matters for `sh` and `mh` only: give it as the kernel has it and
 * `destinations.list()` returns it, newest first. A connection that exists stays where it is whatever changes.
 *
 * Fills the table at once, on this thread: msh takes some 3 ns for each slot and server, the others a few ms.
 * @param scheduler One whose choice depends on client and servers alone.
 * @param destinations At most 65534, each address and port once.
 * @throws TypeError or RangeError naming the field, and for other schedulers saying why.
 * @throws Error with code ERR_IPVS_ADDON where the addon is not to be had.
 */
export const predict = <D extends PredictableDestination>(
  scheduler: PredictableScheduler,
  destinations: readonly D[],
  options: PredictOptions = {},
): Prediction<D> => new TablePrediction(scheduler, destinations, options)
