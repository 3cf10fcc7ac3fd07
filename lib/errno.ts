// The errnos of Linux that IPVS and netlink answer with, for where node:os gives those of another system.
// SPDX-License-Identifier: MIT

/** As in <asm-generic/errno.h>, which is that of every platform that Node.js is built for on Linux. */
export const errnos = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EAGAIN: 11,
  ENOMEM: 12,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ERANGE: 34,
  EBADMSG: 74,
  EMSGSIZE: 90,
  ENOPROTOOPT: 92,
  EPROTONOSUPPORT: 93,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ENOBUFS: 105,
  ETIMEDOUT: 110,
} as const

/** An errno of Linux that IPVS answers with, by its name. */
export type Errno = keyof typeof errnos
