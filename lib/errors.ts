// IpvsError, and the table that turns (command, errno) into a reason and an explanation.
// SPDX-License-Identifier: MIT

import { constants } from 'node:os'
import { type Command, message as topLevel } from './abi.js'
import { errnos } from './errno.js'
import type { ExtendedAck } from './netlink/message.js'
import type { NetworkNamespace, TransportError } from './netlink/socket.js'
import type { RouteCommand } from './route/abi.js'

/**
 * Why a call failed; closed, so that a `switch` over it is complete.
 * - `no-such-service`, `service-exists`, `no-such-destination`, `destination-exists`, `no-such-daemon`, `daemon-exists`:
 *   what they say.
 * - `no-such-scheduler`: no module for it. `no-such-scheduler-or-engine`: the kernel does not say which is missing.
 * - `no-such-interface`: none of that name in the network namespace. `interface-exists`, `no-such-address`,
 *   `address-exists`: what they say. `interface-down`: nothing can be sent there.
 * - `family-unsupported`: the kernel does not have IPv6, or not for IPVS.
 * - `invalid`: the kernel found the values wrong.
 * - `daemon-failed`: the sync daemon's own sockets could not be set up.
 * - `not-permitted`: CAP_NET_ADMIN in the initial user namespace is needed, for reading too; for a network namespace of
 *   somebody else's, CAP_SYS_ADMIN.
 * - `ipvs-unavailable`: the kernel has no IPVS, and no module to load.
 * - `not-supported`: this kernel does not know the command.
 * - `outcome-unknown`: the reply was lost or did not come in time: the change may or may not have been made. Read before
 *   retrying.
 * - `not-sent`: nothing of this call reached the kernel. `closed`: the client was closed before the call was sent.
 * - `malformed-reply`: a reply that breaks the format.
 * - `out-of-memory`: of the kernel. `system`: any other errno; see {@link IpvsError.code}.
 */
export type Reason =
  | 'no-such-service'
  | 'service-exists'
  | 'no-such-destination'
  | 'destination-exists'
  | 'no-such-scheduler'
  | 'no-such-scheduler-or-engine'
  | 'no-such-daemon'
  | 'daemon-exists'
  | 'no-such-interface'
  | 'interface-exists'
  | 'interface-down'
  | 'no-such-address'
  | 'address-exists'
  | 'family-unsupported'
  | 'invalid'
  | 'not-permitted'
  | 'ipvs-unavailable'
  | 'not-supported'
  | 'out-of-memory'
  | 'outcome-unknown'
  | 'not-sent'
  | 'closed'
  | 'malformed-reply'
  | 'daemon-failed'
  | 'system'

export interface IpvsErrorDetails {
  readonly reason: Reason
  /** Positive errno, 0 when the failure is not the kernel's. */
  readonly errno: number
  readonly command: Command | RouteCommand | 'open'
  /** What was being changed or read, in one word or two. */
  readonly subject?: string | undefined
  readonly explanation: string
  readonly extendedAck?: ExtendedAck | undefined
  readonly cause?: unknown
}

/**
 * Linux gives two names to some numbers; ours come first, for IPVS's sources use them. On other systems, where clients
 * speak to an IPVS in memory, the system's own numbers mean something else.
 */
const names = new Map<number, string>(Object.entries(errnos).map(([name, errno]) => [errno, name]))
if (process.platform === 'linux') {
  for (const [name, errno] of Object.entries(constants.errno)) if (!names.has(errno)) names.set(errno, name)
}
export const nameOf = (errno: number): string => names.get(errno) ?? `errno ${errno}`

const brand = Symbol.for('ipvs.IpvsError')

/** A call that the kernel refused or whose outcome is not known. Mistakes in arguments are TypeError or RangeError. */
export class IpvsError extends Error {
  /** Always this. */
  override readonly name = 'IpvsError'
  /** The errno's name, such as 'ESRCH'; 'ERR_IPVS_CLOSED' and the like where the kernel was not asked. */
  readonly code: string
  /** The errno as Node's own errors have it: negative; 0 where there is none. */
  readonly errno: number
  /** What it comes to, for a `switch`. */
  readonly reason: Reason
  /** The command by its name in this library, such as 'newService' or 'newAddress'; 'open' for Ipvs.open(). */
  readonly command: Command | RouteCommand | 'open'
  /** What was being changed or read, such as `10.0.0.2:80 of 192.0.2.10:80/tcp`. */
  readonly subject: string | undefined
  /** The kernel's own text (extended ACK), where it has one: only about top-level attributes and daemons. */
  readonly kernelMessage: string | undefined
  /** The attribute that the kernel found missing, where it says so. */
  readonly attribute: string | undefined

  /** @internal */
  constructor({ reason, errno, command, subject, explanation, extendedAck, cause }: IpvsErrorDetails) {
    const code = errno > 0 ? nameOf(errno) : `ERR_IPVS_${reason.toUpperCase().replaceAll('-', '_')}`
    const kernelMessage = extendedAck?.message
    const said = kernelMessage === undefined ? '' : `; the kernel says: ${kernelMessage}`
    super(`${command}${subject === undefined ? '' : ` ${subject}`}: ${explanation} (${code})${said}`, {
      cause,
    })
    this.code = code
    this.errno = -errno || 0
    this.reason = reason
    this.command = command
    this.subject = subject
    this.kernelMessage = kernelMessage
    this.attribute =
      extendedAck?.missingType === undefined ? undefined : topLevel.nameOf(extendedAck.missingType)
    Object.defineProperty(this, brand, { value: true })
  }

  /** Two copies of this package in one program agree on what is an IpvsError. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value
  }
}

type Row = readonly [reason: Reason, explanation: string]

const noService: Row = ['no-such-service', 'no such virtual service']
const noModule: Row = ['no-such-scheduler', 'no such scheduler: no module ip_vs_NAME for the running kernel']
const badService: Row = [
  'invalid',
  'the kernel found a value of the service wrong: a name too long, or a prefix length outside 1..128',
]
const badDestination: Row = [
  'invalid',
  'the kernel finds this no usable address of a real server: not unicast, link-local, of another family while a ' +
    'sync daemon runs or on a kernel before 3.18 - or the network namespace never had `lo` up, which makes it refuse ' +
    'every IPv4 address (ip link set lo up)',
]
const badThreshold: Row = ['invalid', 'weight below 0, or lowerThreshold above upperThreshold']
const badFamily: Row = [
  'family-unsupported',
  'this kernel has no IPVS for that address family (IPv6 switched off?)',
]

/** What an errno means depends on the command: ip_vs_genl_set_cmd() and what it calls. */
const table: Partial<Record<Command, Readonly<Record<string, Row>>>> = {
  newService: {
    EEXIST: ['service-exists', 'the virtual service exists already'],
    ENOENT: noModule,
    EINVAL: badService,
    EAFNOSUPPORT: badFamily,
  },
  setService: { ESRCH: noService, ENOENT: noModule, EINVAL: badService, EAFNOSUPPORT: badFamily },
  delService: { ESRCH: noService, EAFNOSUPPORT: badFamily },
  getService: { ESRCH: noService, EAFNOSUPPORT: badFamily },
  newDest: {
    ESRCH: noService,
    EEXIST: ['destination-exists', 'the service has this real server already'],
    ERANGE: badThreshold,
    EINVAL: badDestination,
    EAFNOSUPPORT: badFamily,
  },
  setDest: {
    ESRCH: noService,
    ENOENT: ['no-such-destination', 'the service has no such real server'],
    ERANGE: badThreshold,
    EINVAL: badDestination,
    EAFNOSUPPORT: badFamily,
  },
  delDest: {
    ESRCH: noService,
    ENOENT: ['no-such-destination', 'the service has no such real server'],
    EAFNOSUPPORT: badFamily,
  },
  getDest: {
    ESRCH: noService,
    ENOENT: ['no-such-destination', 'the service has no such real server'],
  },
  newDaemon: {
    EEXIST: ['daemon-exists', 'a daemon of this state runs already'],
    ENODEV: ['no-such-interface', 'no such network interface in this namespace'],
    EINVAL: [
      'invalid',
      'the kernel cannot start this daemon: group not multicast, no address on the interface, or real servers of ' +
        'another family than their service exist',
    ],
    EADDRINUSE: ['daemon-failed', 'the multicast port is taken'],
    EADDRNOTAVAIL: ['daemon-failed', 'the interface has no address of the family of the multicast group'],
    ENETUNREACH: ['daemon-failed', 'no route to the multicast group over the interface'],
    ENETDOWN: ['daemon-failed', 'the interface is down'],
  },
  delDaemon: {
    ESRCH: ['no-such-daemon', 'no daemon of this state is running'],
  },
  setConfig: { EINVAL: ['invalid', 'a timeout is longer than this kernel can hold (2147483647 ticks)'] },
  zero: { ESRCH: noService },
}

const everywhere: Readonly<Record<string, Row>> = {
  EPERM: [
    'not-permitted',
    'needs CAP_NET_ADMIN in the initial user namespace, for reading too; root of a container that has its own user ' +
      'namespace does not have it',
  ],
  ENOENT: ['ipvs-unavailable', 'the kernel no longer has IPVS: the module ip_vs was unloaded'],
  EOPNOTSUPP: ['not-supported', 'this kernel does not know the command'],
  EINVAL: ['invalid', 'the kernel found the request wrong'],
  ERANGE: ['invalid', 'the kernel found a value out of range'],
  ENOMEM: ['out-of-memory', 'the kernel is out of memory'],
  ENOPROTOOPT: ['ipvs-unavailable', 'the module ip_vs is being unloaded'],
  EPROTONOSUPPORT: ['ipvs-unavailable', 'the module ip_vs is being unloaded'],
}

/** What the kernel's answer to one request means. `engine`: a persistence engine was named too. */
export const fromErrno = (
  command: Command,
  errno: number,
  subject: string | undefined,
  extendedAck?: ExtendedAck,
  engine = false,
): IpvsError => {
  const name = nameOf(errno)
  let [reason, explanation] = table[command]?.[name] ?? everywhere[name] ?? (['system', 'failed'] as const)
  if (reason === 'no-such-scheduler' && engine) {
    reason = 'no-such-scheduler-or-engine'
    explanation =
      'no such scheduler or persistence engine: no module ip_vs_NAME or ip_vs_pe_NAME for this kernel'
  }
  return new IpvsError({ reason, errno, command, subject, explanation, extendedAck })
}

const EPERM = 1

/** A socket in a network namespace that could not be had. */
export const cannotOpen = (netns: NetworkNamespace | undefined, error: TransportError): IpvsError =>
  new IpvsError({
    command: 'open',
    reason: error.errno === EPERM ? 'not-permitted' : 'system',
    errno: error.errno,
    subject: netns === undefined ? undefined : `network namespace ${netns}`,
    explanation: `${error.syscall} failed`,
    cause: error,
  })

/** A call on a client that is closed. */
export const closed = (command: Command, subject: string | undefined): IpvsError =>
  new IpvsError({ command, subject, reason: 'closed', errno: 0, explanation: 'the client is closed' })

/** A reply that breaks the format, or lacks what it is asked for. */
export const malformed = (
  command: Command,
  what: string,
  rest: Pick<IpvsErrorDetails, 'subject' | 'cause'> = {},
): IpvsError =>
  new IpvsError({
    command,
    reason: 'malformed-reply',
    errno: 0,
    explanation: `the reply breaks the format: ${what}`,
    ...rest,
  })
