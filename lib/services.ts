// Virtual services: add, edit, delete, get, list, zero.
// SPDX-License-Identifier: MIT

import type { WireMessage, WireService } from './abi.js'
import {
  checkServiceEdit,
  editedService,
  serviceFromWire,
  serviceKey,
  serviceName,
  serviceToWire,
} from './model/service.js'
import { nothing, type Operation, part, type Request, type Runner, repliesOf, type Task } from './request.js'
import { checkService, checkServiceChange } from './rules.js'
import type {
  CallOptions,
  Service,
  ServiceKey,
  ServiceSettings,
  ServiceStatus,
  WriteOptions,
} from './types.js'

/** The request for every service. */
export const allServices: Request = { command: 'getService', body: {}, dump: true, share: 'services' }

/** The request for one service. */
export const oneService = (key: WireService): Request => ({
  command: 'getService',
  body: { service: key },
  share: `service ${serviceName(key)}`,
})

/** Services of a dump without the duplicates that a concurrent change makes. */
export const distinctServices = (replies: readonly WireMessage[]): Map<string, WireService> => {
  const found = new Map<string, WireService>()
  for (const { service } of replies) if (service !== undefined) found.set(serviceName(service), service)
  return found
}

function* edit(key: WireService, settings: ServiceSettings, force: boolean | undefined): Task<void> {
  const [found] = yield [oneService(key)]
  const current = part(oneService(key), repliesOf(found), 'service')
  const service = editedService(current, settings)
  checkServiceChange(current, service, force)
  const [changed] = yield [{ command: 'setService', body: { service } }]
  repliesOf(changed)
}

/**
 * The virtual services of a director. Calls may be made without awaiting those before: they take effect in the
 * order they were made, and failing ones do not stop those that follow.
 */
export class Services {
  readonly #runner: Runner

  /** @internal */
  constructor(runner: Runner) {
    this.#runner = runner
  }

  /**
   * Adds a virtual service (IPVS_CMD_NEW_SERVICE, `ipvsadm -A`). The kernel loads the scheduler's module where needed.
   * @throws TypeError or RangeError naming the field, before anything is sent.
   * @throws IpvsError 'service-exists', 'no-such-scheduler', 'no-such-scheduler-or-engine', 'family-unsupported',
   * 'invalid' or one that any call throws: 'not-permitted', 'outcome-unknown', 'not-sent', 'closed',
   * 'ipvs-unavailable', 'malformed-reply', 'out-of-memory', 'system'.
   */
  add(service: Service, options: WriteOptions = {}): Promise<void> {
    const make = (): Request => {
      const wire = serviceToWire(service)
      checkService(wire, options.force)
      return { command: 'newService', body: { service: wire } }
    }
    return this.#runner.call(make, nothing, options)
  }

  /**
   * Changes settings of a virtual service and keeps all that is not named (IPVS_CMD_SET_SERVICE, `ipvsadm -E`). The
   * kernel only replaces as a whole, so this reads first; of this client, no other call comes between. A change of
   * the scheduler makes the kernel wait for an RCU grace period, some 10 ms.
   * @throws as add(), but IpvsError 'no-such-service' in place of 'service-exists'.
   */
  edit(key: ServiceKey, settings: ServiceSettings, options: WriteOptions = {}): Promise<void> {
    const make = (): Operation<void> => {
      const service = serviceKey(key)
      checkServiceEdit(service, settings)
      return {
        task: edit(service, settings, options.force),
        command: 'setService',
        body: { service },
        holds: serviceName(service),
      }
    }
    return this.#runner.run(make, options)
  }

  /**
   * Deletes a virtual service and its real servers (IPVS_CMD_DEL_SERVICE, `ipvsadm -D`). What becomes of its
   * connections is said at {@link Destinations.delete}.
   * @throws IpvsError 'no-such-service', or one that any call throws.
   */
  delete(key: ServiceKey, options?: CallOptions): Promise<void> {
    return this.#runner.call(
      () => ({ command: 'delService', body: { service: serviceKey(key) } }),
      nothing,
      options,
    )
  }

  /**
   * Reads one virtual service (IPVS_CMD_GET_SERVICE).
   * @throws IpvsError 'no-such-service', or one that any call throws.
   */
  get(key: ServiceKey, options?: CallOptions): Promise<ServiceStatus> {
    return this.#runner.call(
      () => oneService(serviceKey(key)),
      (replies) => serviceFromWire(part({ command: 'getService' }, replies, 'service')),
      options,
    )
  }

  /**
   * Reads all virtual services, in the kernel's order; an empty table is an empty array. While others change the
   * table the kernel may leave services out (it does not say when): see snapshot().
   * @throws IpvsError as any call does, see add().
   */
  list(options?: CallOptions): Promise<readonly ServiceStatus[]> {
    function* list(): Task<readonly ServiceStatus[]> {
      const [dump] = yield [allServices]
      return [...distinctServices(repliesOf(dump)).values()].map(serviceFromWire)
    }
    return this.#runner.run(() => ({ task: list(), command: 'getService', body: {} }), options)
  }

  /**
   * Sets the counters of one service and of its real servers to zero (IPVS_CMD_ZERO, `ipvsadm -Z`).
   * @throws IpvsError 'no-such-service', or one that any call throws.
   */
  zero(key: ServiceKey, options?: CallOptions): Promise<void> {
    return this.#runner.call(
      () => ({ command: 'zero', body: { service: serviceKey(key) } }),
      nothing,
      options,
    )
  }
}
