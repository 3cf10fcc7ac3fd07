// Route: links and addresses of one network namespace, over one socket of rtnetlink.
// SPDX-License-Identifier: MIT

import { cannotOpen, IpvsError } from '../errors.js'
import { MalformedError } from '../netlink/attr.js'
import { isInterrupted, walk } from '../netlink/message.js'
import {
  isTransportError,
  NETLINK_ROUTE,
  type NetworkNamespace,
  openSocket,
  type Socket,
} from '../netlink/socket.js'
import { routeError, routeFailure, unreadable } from './errors.js'
import {
  addressesIn,
  findWays,
  type Link,
  type LinkAddress,
  linksIn,
  listAddresses,
  listLinks,
  newLink,
  type RouteRequest,
  type Way,
  waysIn,
} from './messages.js'

/** A link with many attributes has to fit. */
const LARGEST_PART = 32 * 1024
const DEADLINE = 10_000
/** Lists that changed while they were read are read again, so often. */
const ATTEMPTS = 5

/** The end of what was begun last by `Route.alone`. */
let last: Promise<unknown> = Promise.resolve()

export class Route {
  readonly netns: NetworkNamespace | undefined
  readonly #socket: Socket

  private constructor(netns: NetworkNamespace | undefined, socket: Socket) {
    this.netns = netns
    this.#socket = socket
  }

  /** Runs `use` with an open one, and closes it. */
  static async with<T>(netns: NetworkNamespace | undefined, use: (route: Route) => Promise<T>): Promise<T> {
    const route = new Route(netns, open(netns))
    try {
      return await use(route)
    } finally {
      route.#socket.close()
    }
  }

  /**
   * As `with`, but one after the other within this process: for what reads, and then changes what it has read. Other
   * processes are not kept away.
   */
  static alone<T>(netns: NetworkNamespace | undefined, use: (route: Route) => Promise<T>): Promise<T> {
    return Route.with(netns, (route) => {
      const turn = last.then(() => use(route))
      last = turn.catch(() => undefined)
      return turn
    })
  }

  links(): Promise<readonly Link[]> {
    return this.#list(listLinks(), linksIn)
  }

  addresses(): Promise<readonly LinkAddress[]> {
    return this.#list(listAddresses(), addressesIn)
  }

  /** How packets to these addresses, of 4 or 16 bytes, would be sent. */
  async ways(targets: readonly Uint8Array[]): Promise<readonly Way[]> {
    if (targets.length === 0) return []
    const request = findWays(targets)
    const replies = await this.#transact(request)
    try {
      return waysIn(replies, targets.length)
    } catch (error) {
      throw error instanceof MalformedError ? unreadable(request, error) : error
    }
  }

  /** Makes one change. */
  async change(request: RouteRequest): Promise<void> {
    await this.#exchange(request)
  }

  /** Makes an interface of that kind; false where there is one of that name, which another process may have made. */
  async make(name: string, kind: string): Promise<boolean> {
    try {
      await this.change(newLink(name, kind))
      return true
    } catch (error) {
      if (error instanceof IpvsError && error.reason === 'interface-exists') return false
      throw error
    }
  }

  async #list<T>(request: RouteRequest, read: (replies: Uint8Array) => T): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const replies = await this.#exchange(request)
      try {
        if (attempt === ATTEMPTS || !isInterrupted(replies)) return read(replies)
      } catch (error) {
        throw error instanceof MalformedError ? unreadable(request, error) : error
      }
    }
  }

  async #exchange(request: RouteRequest): Promise<Uint8Array> {
    const replies = await this.#transact(request)
    walk(
      replies,
      (reply) => {
        if (reply.kind === 'end' && reply.errno !== 0)
          throw routeError(request, reply.errno, reply.extendedAck)
      },
      0,
    )
    return replies
  }

  async #transact(request: RouteRequest): Promise<Uint8Array> {
    try {
      return await this.#socket.transact(request.bytes, request.count ?? 1, DEADLINE)
    } catch (error) {
      throw isTransportError(error) ? routeFailure(request, error) : error
    }
  }
}

const open = (netns: NetworkNamespace | undefined): Socket => {
  try {
    return openSocket(netns, LARGEST_PART, NETLINK_ROUTE)
  } catch (error) {
    if (!isTransportError(error)) throw error
    throw cannotOpen(netns, error)
  }
}
