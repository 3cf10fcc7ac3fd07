// The director: the verbs of the whole table, and the verbs of services, real servers and daemons under it.
// SPDX-License-Identifier: MIT

import { Daemons } from './daemons.js'
import { Destinations } from './destinations.js'
import { infoFromWire, timeoutsFromWire, timeoutsToWire } from './model/daemon.js'
import type { Player } from './recording.js'
import { nothing, part, type Request } from './request.js'
import { Services } from './services.js'
import { snapshot } from './snapshot.js'
import type { CallOptions, Info, Snapshot, Timeouts } from './types.js'

const readInfo: Request = { command: 'getInfo', body: {} }
const readTimeouts: Request = { command: 'getConfig', body: {} }

let playerIn: (director: Director) => Player

/** What runs the calls of a director, for those that were recorded. */
export const playerOf = (director: Director): Player => playerIn(director)

/** What Ipvs and IpvsSync have in common: everything but how they are opened, run and closed. */
export class Director {
  /** The virtual services. */
  readonly services: Services
  /** The real servers of each service. */
  readonly destinations: Destinations
  /** The daemons that copy connections between directors. */
  readonly daemons: Daemons
  readonly #runner: Player

  static {
    playerIn = (director) => director.#runner
  }

  /** @internal */
  constructor(runner: Player) {
    this.#runner = runner
    this.services = new Services(runner)
    this.destinations = new Destinations(runner)
    this.daemons = new Daemons(runner)
  }

  /**
   * Reads the whole table: services with their real servers and counters, none twice, absences verified, until two
   * lists in a row agree (at most five); `stable` tells whether they did. The kernel has no atomic read.
   * @throws IpvsError as any call does.
   */
  snapshot(options?: CallOptions): Promise<Snapshot> {
    return this.#runner.run(() => ({ task: snapshot(), command: 'getService', body: {} }), options)
  }

  /** Reads the version of IPVS and the size of its connection table (IPVS_CMD_GET_INFO). */
  info(options?: CallOptions): Promise<Info> {
    return this.#runner.call(
      () => readInfo,
      (replies) => infoFromWire(part(readInfo, replies, 'version'), replies[0]?.connectionTableSize),
      options,
    )
  }

  /** Reads the idle timeouts of connections, in seconds (IPVS_CMD_GET_CONFIG, `ipvsadm -L --timeout`). */
  timeouts(options?: CallOptions): Promise<Timeouts> {
    return this.#runner.call(
      () => readTimeouts,
      (replies) => timeoutsFromWire(replies[0] ?? {}),
      options,
    )
  }

  /**
   * Sets the named timeouts and keeps the others (IPVS_CMD_SET_CONFIG, `ipvsadm --set`).
   * Seconds, 1..2147483647 divided by the kernel's HZ (100 to 1000); there is no way back to the defaults but 900,
   * 120, 300 by hand.
   * @throws IpvsError 'invalid' when the kernel cannot hold a value, or one that any call throws.
   */
  setTimeouts(timeouts: Partial<Timeouts>, options?: CallOptions): Promise<void> {
    const make = (): Request => ({ command: 'setConfig', body: timeoutsToWire(timeouts) })
    return this.#runner.call(make, nothing, options)
  }

  /** Sets every counter to zero, the totals too (IPVS_CMD_ZERO, `ipvsadm -Z`). For one service: services.zero(). */
  zero(options?: CallOptions): Promise<void> {
    return this.#runner.call(() => ({ command: 'zero', body: {} }), nothing, options)
  }

  /**
   * Deletes every service with its real servers, whoever made them (IPVS_CMD_FLUSH, `ipvsadm -C`). Adding the same
   * real servers at once is slow: the kernel keeps the old ones for two minutes and searches them each time.
   */
  flush(options?: CallOptions): Promise<void> {
    return this.#runner.call(() => ({ command: 'flush', body: {} }), nothing, options)
  }
}
