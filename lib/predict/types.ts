// The public types of prediction and impact.
// SPDX-License-Identifier: MIT

import type { DestinationKey, Family, SchedulerFlag, ServiceKey } from '../types.js'

/**
 * Schedulers whose choice depends on the client and the servers alone. `msh`, `maglev` and `hrw` are the modules of
 * this package; `sh` and `mh` are the kernel's own, as they are since Linux 4.18 (mh: on 64-bit little-endian
 * machines, on others it chooses differently).
 */
export type PredictableScheduler = 'msh' | 'maglev' | 'hrw' | 'sh' | 'mh'

/** A real server as far as a hashing scheduler looks at it. What `destinations.list()` returns will do. */
export interface PredictableDestination extends DestinationKey {
  /** 0..2147483647, default 1. */
  readonly weight?: number | undefined
  /**
   * For `mh` and weight 0: the weight before the server was drained; 0 (default) if it never had one. mh leaves a
   * drained server its slots, and no call of the kernel tells about that.
   */
  readonly lastWeight?: number | undefined
  /** Above its upper threshold, so that it takes no new client at the moment. Default false. */
  readonly overloaded?: boolean | undefined
}

/** Options of predict(). */
export interface PredictOptions {
  /**
   * The service: its port is the default of the servers', its family that of the clients. Default: servers need a
   * port, clients have the family of the first server. Where servers differ in family, name the service.
   */
  readonly service?:
    | (ServiceKey & { readonly schedulerFlags?: readonly SchedulerFlag[] | undefined })
    | undefined
  /**
   * `port` (flag-2): clients are told apart by source port too. `fallback` (flag-1): those of a server that is
   * overloaded (sh and mh: or drained) go elsewhere instead of being refused. Default: those of `service`, or none.
   */
  readonly schedulerFlags?: readonly SchedulerFlag[] | undefined
  /** Module parameter `seed` of msh, maglev and hrw, 0..2^64-1; a number must be a safe integer. Default 0. */
  readonly seed?: bigint | number | undefined
  /**
   * Slots of the table: 2^slot_bits for `msh`, 256..1048576 (32768); for `maglev` the prime table_size,
   * 251..131071 (16381). Of the kernel's build: for `sh` a power of two 16..1048576 (256), for `mh` one of its
   * primes 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071 (4093). `hrw` has no table.
   */
  readonly tableSize?: number | undefined
}

/** A client as a scheduler sees it. */
export interface Client {
  /** In text, of the family of the service. */
  readonly address: string
  /**
   * Source port, 0..65535: needed with the flag `port`, else of no effect. Of an ICMP error, the one of the packet it
   * is about. IPVS itself refuses new connections from port 20, whatever the scheduler.
   */
  readonly port?: number | undefined
}

/** Clients that move from one server to another; null stands for being refused. */
export interface Move<D extends PredictableDestination = PredictableDestination> {
  /** As it was given to the prediction before. */
  readonly from: D | null
  /** As it was given to the prediction after. */
  readonly to: D | null
  /** Of all clients, above 0 and up to 1. */
  readonly fraction: number
}

/** What a change does to clients whose next connection comes after it. Fractions are of all clients, 0..1. */
export interface Impact<D extends PredictableDestination = PredictableDestination> {
  /** Clients that get another server, are refused now, or were and are not any more. */
  readonly moved: number
  /** The least that any scheduler would have to move, from the shares before to those after. */
  readonly minimum: number
  /** moved - minimum. */
  readonly excess: number
  /**
   * `exact`: counted over all slots, or for hrw computed from the weights; clients are taken to be spread evenly.
   * `sample`: over 262,144 random clients, the same each time; the standard error is below 0.001.
   * `clients`: over those given.
   */
  readonly basis: 'exact' | 'sample' | 'clients'
  /** Largest first. */
  readonly moves: readonly Move<D>[]
}

/** Options of impact(). */
export interface ImpactOptions {
  /** Count over these. Default: all slots, or a sample (see {@link Impact.basis}). */
  readonly clients?:
    | {
        /** In network order, 4 (IPv4) or 16 bytes (IPv6) each, one after the other. */
        readonly addresses: Uint8Array
        /** Source ports, one for each address: needed with the flag `port`. */
        readonly ports?: Uint16Array | undefined
      }
    | undefined
}

/** How a service distributes its clients, see predict(). */
export interface Prediction<D extends PredictableDestination = PredictableDestination> {
  /** As given to predict(). */
  readonly scheduler: PredictableScheduler
  /** Of the clients. */
  readonly family: Family
  /** As given to predict(); indexes are of this list. */
  readonly destinations: readonly D[]
  /** Slots; 0 for hrw, which has none. */
  readonly tableSize: number
  /**
   * As the module shows it in /proc/net/ip_vs_NAME, 16 hexadecimal digits: directors with the same one and the same
   * scheduler flags choose alike. It tells about the seed: no secret of your clients', but not for their eyes. null for
   * sh and mh.
   */
  readonly checksum: string | null
  /**
   * The fraction of clients that each server gets, for clients that are spread evenly; with `refused` they add up
   * to 1. Counted in slots, for hrw from the weights. With the flag `fallback` and servers that take no clients,
   * mh's are expected values.
   */
  readonly shares: readonly number[]
  /** The fraction that gets no server. */
  readonly refused: number

  /**
   * The server of a client; null if it is refused.
   * @throws TypeError or RangeError naming the field, also for an address of another family.
   */
  destinationOf(client: Client): D | null

  /**
   * The servers of many clients, as indexes; -1 for none. A million clients take well below 0.1 s on this thread,
   * with hrw some 3 ms more for each server.
   * @param addresses In network order, 4 (IPv4) or 16 bytes (IPv6) each, one after the other.
   * @param ports Source ports, one for each address: needed with the flag `port`, else of no effect.
   * @throws TypeError or RangeError naming the argument.
   */
  indexesOf(addresses: Uint8Array, ports?: Uint16Array): Int32Array
}
