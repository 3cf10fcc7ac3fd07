// Ipvs: the asynchronous client.
// SPDX-License-Identifier: MIT

import { Channel, type OpenOptions } from './channel.js'
import { Director } from './director.js'
import type { OpenSocket } from './netlink/socket.js'
import { apply } from './plan/apply.js'
import { plan } from './plan/plan.js'
import type { ApplyOptions, ApplyResult, DesiredTable, Plan, PlanOptions } from './plan/types.js'
import { Queue } from './queue.js'
import type { CallOptions } from './types.js'

/** Opens a client over other sockets than the kernel's. Not public: for the kernel in memory of testing/. */
export let openOver: (opener: OpenSocket, options?: OpenOptions) => Promise<Ipvs>

/**
 * The IPVS of one network namespace. Calls return promises and run on the thread pool; those made together are sent
 * together, in the order they were made. See {@link Director} for the verbs.
 *
 * One client is safe for any number of concurrent callers. Set UV_THREADPOOL_SIZE where other work fills the pool.
 *
 * The kernel has this interface (generic netlink, <linux/ip_vs.h>) since 2.6.28; what came later says so where it stands.
 */
export class Ipvs extends Director {
  readonly #queue: Queue

  static {
    openOver = async (opener, options = {}) => new Ipvs(new Queue(await Channel.open(options, opener)))
  }

  private constructor(queue: Queue) {
    super(queue)
    this.#queue = queue
  }

  /**
   * Opens a client; makes the kernel load the module ip_vs where needed. Linux 6.1 does so by itself, 5.10 does not:
   * there it has to be loaded before.
   * @throws TypeError or RangeError about the options.
   * @throws IpvsError 'ipvs-unavailable' when the kernel has no IPVS; 'not-permitted' when the network namespace may not
   * be entered, which needs CAP_SYS_ADMIN; 'system' with code ENOENT, EINVAL … when there is none of that name, and with
   * ETIMEDOUT when the kernel does not answer before the deadline. That CAP_NET_ADMIN lacks is told by the first call.
   * @throws Error with code ERR_IPVS_ADDON where the addon cannot be loaded, as on other systems than Linux.
   */
  static async open(options: OpenOptions = {}): Promise<Ipvs> {
    return new Ipvs(new Queue(await Channel.open(options)))
  }

  /** What has to change so that the table is as desired; nothing is changed yet. The same as {@link plan}. */
  plan(desired: DesiredTable, options?: PlanOptions & CallOptions): Promise<Plan> {
    return plan(this, desired, options)
  }

  /** Carries out what plan() returned, and tells what became of each change. The same as {@link apply}. */
  apply(made: Plan, options?: ApplyOptions): Promise<ApplyResult> {
    return apply(this, made, options)
  }

  /** Lets the calls that were made come to their end, then closes. Idempotent. Later calls fail with 'closed'. */
  close(): Promise<void> {
    return this.#queue.close()
  }

  /** As close(): for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
