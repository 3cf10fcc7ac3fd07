// IpvsError, and the table that turns (command, errno) into a reason and an explanation.
// SPDX-License-Identifier: MIT

import { constants } from 'node:os'
import { type Command, message as topLevel } from './abi.js'
import { errnos } from './errno.js'
import type { ExtendedAck } from './netlink/message.js'

/** Why a call failed; closed, so that a `switch` over it is complete. */
export type Reason =
  | 'no-such-service'
  | 'service-exists'
  | 'no-such-destination'
  | 'destination-exists'
  | 'no-such-scheduler'
  /** The kernel does not say which of the two is missing. */
  | 'no-such-scheduler-or-engine'
  | 'no-such-daemon'
  | 'daemon-exists'
  | 'no-such-interface'
  /** The kernel does not have IPv6, or not for IPVS. */
  | 'family-unsupported'
  /** The kernel found the values wrong. */
  | 'invalid'
  | 'not-permitted'
  /** The kernel has no IPVS, and no module to load. */
  | 'ipvs-unavailable'
  /** This kernel does not know the command. */
  | 'not-supported'
  | 'out-of-memory'
  /** The reply was lost or did not come in time: the change may or may not have been made. Read before retrying. */
  | 'outcome-unknown'
  /** Nothing of this call reached the kernel. */
  | 'not-sent'
  /** The client was closed before the call was sent. */
  | 'closed'
  /** A reply that breaks the format. */
  | 'malformed-reply'
  /** The sync daemon's own sockets or threads could not be set up. */
  | 'daemon-failed'
  /** Any other errno; see `code`. */
  | 'system'

export interface IpvsErrorDetails {
  readonly reason: Reason
  /** Positive errno, 0 when the failure is not the kernel's. */
  readonly errno: number
  readonly command: Command | 'open'
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
const nameOf = (errno: number): string => names.get(errno) ?? `errno ${errno}`

const brand = Symbol.for('ipvs.IpvsError')

/** A call that the kernel refused or whose outcome is not known. Mistakes in arguments are TypeError or RangeError. */
export class IpvsError extends Error {
  override readonly name = 'IpvsError'
  /** The errno's name, such as 'ESRCH'; 'ERR_IPVS_CLOSED' and the like where the kernel was not asked. */
  readonly code: string
  /** The errno as Node's own errors have it: negative; 0 where there is none. */
  readonly errno: number
  readonly reason: Reason
  /** The IPVS command by its name in this library, such as 'newService'; 'open' for Ipvs.open(). */
  readonly command: Command | 'open'
  /** What was being changed or read, such as `10.0.0.2:80 of 192.0.2.10:80/tcp`. */
  readonly subject: string | undefined
  /** The kernel's own text (extended ACK), where it has one: only about top-level attributes and daemons. */
  readonly kernelMessage: string | undefined
  /** The attribute that the kernel found missing, where it says so. */
  readonly attribute: string | undefined

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
