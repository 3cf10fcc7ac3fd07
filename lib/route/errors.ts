// What an errno about links, addresses and announcements means: an IpvsError with a reason and an explanation.
// SPDX-License-Identifier: MIT

import { IpvsError, nameOf, type Reason } from '../errors.js'
import type { ExtendedAck } from '../netlink/message.js'
import type { TransportError } from '../netlink/socket.js'
import type { RouteCommand } from './abi.js'
import type { RouteRequest } from './messages.js'

type Row = readonly [reason: Reason, explanation: string]

const noInterface: Row = ['no-such-interface', 'no such network interface in this namespace']
const noAddress: Row = ['no-such-address', 'the interface does not have the address']

/** By inet_rtm_newaddr(), inet6_addr_add(), rtnl_newlink() … and what they call. */
const table: Partial<Record<RouteCommand, Readonly<Record<string, Row>>>> = {
  newAddress: {
    EEXIST: ['address-exists', 'the interface has the address already'],
    ENODEV: noInterface,
    EACCES: [
      'family-unsupported',
      'IPv6 is switched off on the interface (net.ipv6.conf.INTERFACE.disable_ipv6)',
    ],
    EINVAL: [
      'invalid',
      'the kernel finds this no address for the interface: not unicast, or its MTU is too small',
    ],
    EADDRNOTAVAIL: ['invalid', 'the kernel finds this no address for an interface: not unicast'],
    EAFNOSUPPORT: ['family-unsupported', 'this kernel has no IPv6'],
    EOPNOTSUPP: ['family-unsupported', 'this kernel has no IPv6'],
  },
  deleteAddress: { EADDRNOTAVAIL: noAddress, ENXIO: noAddress, ENODEV: noInterface },
  newLink: {
    EEXIST: ['interface-exists', 'there is an interface of that name'],
    EOPNOTSUPP: ['not-supported', 'no interface of that kind: the running kernel has no module for it'],
    EINVAL: ['invalid', 'the kernel refuses the name'],
  },
  setLink: {
    ENODEV: noInterface,
    EAFNOSUPPORT: ['family-unsupported', 'the interface has no IPv4: its MTU is too small'],
  },
  deleteLink: {
    ENODEV: noInterface,
    EOPNOTSUPP: ['not-supported', 'an interface of that kind cannot be deleted'],
  },
  announce: {
    ENODEV: noInterface,
    ENXIO: noInterface,
    ENETDOWN: ['interface-down', 'the interface is down'],
    EPERM: ['not-permitted', 'needs CAP_NET_RAW in the network namespace'],
  },
}

const everywhere: Readonly<Record<string, Row>> = {
  EPERM: ['not-permitted', 'needs CAP_NET_ADMIN in the user namespace that owns the network namespace'],
  EACCES: ['not-permitted', 'not permitted'],
  ENOMEM: ['out-of-memory', 'the kernel is out of memory'],
  ENOBUFS: ['out-of-memory', 'the kernel is out of memory, or the queue of the interface is full'],
  EINVAL: ['invalid', 'the kernel found the request wrong'],
}

type Subject = Pick<RouteRequest, 'command' | 'subject'>

/** What the kernel's answer to a request means. */
export const routeError = (
  { command, subject }: Subject,
  errno: number,
  extendedAck?: ExtendedAck,
): IpvsError => {
  const name = nameOf(errno)
  const [reason, explanation] = table[command]?.[name] ?? everywhere[name] ?? (['system', 'failed'] as const)
  return new IpvsError({ reason, errno, command, subject, explanation, extendedAck })
}

/** An exchange that did not come to its end. */
export const routeFailure = ({ command, subject }: Subject, cause: TransportError): IpvsError =>
  new IpvsError({
    command,
    subject,
    cause,
    errno: cause.errno,
    ...((cause.sent ?? 0) > 0
      ? { reason: 'outcome-unknown', explanation: 'sent, but not answered: read before you retry' }
      : { reason: 'not-sent', explanation: `nothing was sent: ${cause.syscall} failed` }),
  })

export const unreadable = ({ command }: Subject, cause: Error): IpvsError =>
  new IpvsError({
    command,
    cause,
    errno: 0,
    reason: 'malformed-reply',
    explanation: `the reply breaks the format: ${cause.message}`,
  })
