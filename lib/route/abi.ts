// rtnetlink: the commands, attributes and flags of <linux/rtnetlink.h>, if_link.h and if_addr.h that are used here.
// SPDX-License-Identifier: MIT

import { bytes, type Codec, i32, MalformedError, set, text, u32 } from '../netlink/attr.js'

/** RTM_…; the names are those of errors. */
export const commands = {
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  setLink: 19,
  newAddress: 20,
  deleteAddress: 21,
  getAddress: 22,
  newRoute: 24,
  getRoute: 26,
} as const

/** What an error about links, addresses and announcements names as the command. */
export type RouteCommand = keyof typeof commands | 'announce'

/** IFF_… of <linux/if.h>. */
export const IFF_UP = 0x1
export const IFF_LOOPBACK = 0x8
export const IFF_NOARP = 0x80

/** ARPHRD_ETHER of <linux/if_arp.h>. */
export const ETHERNET = 1

/** IFA_F_… */
export const IFA_F_NODAD = 0x02

/** RT_SCOPE_… */
export const SCOPE_GLOBAL = 0
export const SCOPE_LINK = 253
export const SCOPE_HOST = 254

/** RTN_…: the address is one of this machine's own. */
export const RTN_LOCAL = 2

/** A lifetime without an end. */
export const FOREVER = 0xffffffff

/** IPV4_DEVCONF_… of <linux/ip.h>: the settings net.ipv4.conf.INTERFACE.…, by number. */
export const RP_FILTER = 8
export const ARP_ANNOUNCE = 18
export const ARP_IGNORE = 19

/** DEVCONF_… of <linux/ipv6.h>: those of net.ipv6.conf.INTERFACE.… */
export const FORWARDING6 = 0

/** IFLA_IFALIAS holds 255 bytes with its NUL. */
export const LONGEST_ALIAS = 254

export type Settings = ReadonlyMap<number, number>

/** Settings by number. Those to be changed are written as attributes; what is read is an array of all from `first` on. */
const settings = (first: number): Codec<Settings> => ({
  nested: true,
  write(out, values) {
    const table = Object.fromEntries([...values.keys()].map((id) => [`${id}`, [id, i32] as const]))
    set(table).write(out, Object.fromEntries(values))
  },
  read(view, offset, length) {
    if (length % 4 !== 0) throw new MalformedError(`expected numbers of 4 bytes, found ${length} bytes`)
    const values = new Map<number, number>()
    for (let i = 0; i < length / 4; i++) values.set(first + i, i32.read(view, offset + 4 * i, 4))
    return values
  },
})

/** struct ifa_cacheinfo: lifetimes in seconds, then two moments that only the kernel writes. */
const lifetimes: Codec<{ readonly preferred: number; readonly valid: number }> = {
  write(out, { preferred, valid }) {
    u32.write(out, preferred)
    u32.write(out, valid)
    out.reserve(8)
  },
  read(view, offset, length) {
    if (length < 16) throw new MalformedError(`expected 16 bytes, found ${length}`)
    return { preferred: u32.read(view, offset, 4), valid: u32.read(view, offset + 4, 4) }
  },
}

/** IFLA_… */
export const linkAttributes = set({
  address: [1, bytes(32)],
  name: [3, text],
  mtu: [4, u32],
  info: [18, set({ kind: [1, text] })],
  alias: [20, text],
  /** By the number of the address family: AF_INET, AF_INET6. */
  families: [
    26,
    set({ ipv4: [2, set({ settings: [1, settings(1)] })], ipv6: [10, set({ settings: [2, settings(0)] })] }),
  ],
})

/** IFA_… */
export const addressAttributes = set({
  address: [1, bytes(16)],
  local: [2, bytes(16)],
  lifetimes: [6, lifetimes],
  flags: [8, u32],
})

/** RTA_… */
export const routeAttributes = set({
  destination: [1, bytes(16)],
  link: [4, u32],
  gateway: [5, bytes(16)],
  metrics: [8, set({ mtu: [2, u32] })],
  via: [18, bytes(18)],
})
