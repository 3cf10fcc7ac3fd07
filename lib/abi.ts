// The IPVS generic netlink ABI on one page: commands, attribute sets and flags of <linux/ip_vs.h>.
// SPDX-License-Identifier: MIT

import {
  be16,
  bytes,
  type Codec,
  i32,
  littleEndian,
  MalformedError,
  type Of,
  rate,
  set,
  text,
  u8,
  u16,
  u32,
  u64,
} from './netlink/attr.js'

export const FAMILY_NAME = 'IPVS'
export const FAMILY_VERSION = 1

/** struct ip_vs_flags: new = (old & ~mask) | (value & mask). Replies carry a mask of all ones. */
export interface Flags {
  readonly value: number
  readonly mask: number
}

const flags: Codec<Flags> = {
  write(out, { value, mask }) {
    const offset = out.reserve(8)
    out.view.setUint32(offset, value, littleEndian)
    out.view.setUint32(offset + 4, mask, littleEndian)
  },
  read(view, offset, length) {
    if (length < 8) throw new MalformedError(`expected 8 bytes, found ${length}`)
    return { value: view.getUint32(offset, littleEndian), mask: view.getUint32(offset + 4, littleEndian) }
  },
}

/** IPv4 as a signed number, most significant byte first, or bytes: 4 or 16, of which IPv4 uses the first 4. */
export type Address = number | Uint8Array

/** union nf_inet_addr: 4 bytes suffice for IPv4 when writing; the kernel sends 16, and which they are stands elsewhere. */
const nfInetAddr: Codec<Address> = {
  write(out, value) {
    if (typeof value !== 'number') return raw.write(out, value)
    const offset = out.reserve(4)
    out.view.setInt32(offset, value, false)
  },
  read: (view, offset, length) => raw.read(view, offset, length),
}
const raw = bytes(16)

/** IPVS_STATS_ATTR_*, all since 2.6.28. Counters are 32 bits wide except the bytes. */
const stats = set({
  conns: [1, u32],
  inPkts: [2, u32],
  outPkts: [3, u32],
  inBytes: [4, u64],
  outBytes: [5, u64],
  cps: [6, u32],
  inPps: [7, u32],
  outPps: [8, u32],
  inBps: [9, u32],
  outBps: [10, u32],
})

/** The same ids, every one of 64 bits; since 4.1. A rate is one of the last two seconds: a number holds it. */
const stats64 = set({
  conns: [1, u64],
  inPkts: [2, u64],
  outPkts: [3, u64],
  inBytes: [4, u64],
  outBytes: [5, u64],
  cps: [6, rate],
  inPps: [7, rate],
  outPps: [8, rate],
  inBps: [9, rate],
  outBps: [10, rate],
})

/** IPVS_SVC_ATTR_*: a virtual service. */
export const service = set({
  family: [1, u16],
  protocol: [2, u16],
  address: [3, nfInetAddr],
  port: [4, be16],
  fwmark: [5, u32], // when present, protocol, address and port are ignored
  scheduler: [6, text],
  flags: [7, flags],
  timeout: [8, u32], // persistence, seconds
  netmask: [9, u32], // IPv4: the mask in network order; IPv6: prefix length in host order
  stats: [10, stats],
  engine: [11, text], // 2.6.37
  stats64: [12, stats64], // 4.1
})

/** IPVS_DEST_ATTR_*: a real server of a service. */
export const destination = set({
  address: [1, nfInetAddr],
  port: [2, be16],
  forwarding: [3, u32],
  weight: [4, i32],
  upperThreshold: [5, u32],
  lowerThreshold: [6, u32],
  activeConns: [7, u32],
  inactiveConns: [8, u32],
  persistentConns: [9, u32],
  stats: [10, stats],
  family: [11, u16], // 3.18
  stats64: [12, stats64], // 4.1
  tunnelType: [13, u8], // 5.2
  tunnelPort: [14, be16], // 5.2
  tunnelFlags: [15, u16], // 5.3
})

/** IPVS_DAEMON_ATTR_*: a connection synchronisation daemon. */
export const daemon = set({
  state: [1, u32],
  interface: [2, text],
  syncId: [3, u32],
  maxLength: [4, u16], // 4.3, as all that follow
  group: [5, bytes(4)],
  group6: [6, bytes(16)],
  port: [7, u16], // in host order, unlike every other port
  ttl: [8, u8],
})

/** IPVS_CMD_ATTR_*: the top level of every message but the reply to getInfo. */
export const message = set({
  service: [1, service],
  destination: [2, destination],
  daemon: [3, daemon],
  timeoutTcp: [4, u32],
  timeoutTcpFin: [5, u32],
  timeoutUdp: [6, u32],
})

/** IPVS_INFO_ATTR_*: the top level of the reply to getInfo. */
export const info = set({ version: [1, u32], connectionTableSize: [2, u32] })

export type WireService = Of<typeof service.table>
export type WireDestination = Of<typeof destination.table>
export type WireDaemon = Of<typeof daemon.table>
export type WireStats = Of<typeof stats.table>
export type WireStats64 = Of<typeof stats64.table>
export type WireInfo = Of<typeof info.table>
/** A decoded message; `version` and `connectionTableSize` only in the reply to getInfo. */
export type WireMessage = Of<typeof message.table> & WireInfo

/** IPVS_CMD_*: 14 (setInfo) exists only as a reply. All need CAP_NET_ADMIN, reading too. */
export const commands = {
  newService: 1,
  setService: 2,
  delService: 3,
  getService: 4,
  newDest: 5,
  setDest: 6,
  delDest: 7,
  getDest: 8, // dump only
  newDaemon: 9,
  delDaemon: 10,
  getDaemon: 11, // dump only
  setConfig: 12,
  getConfig: 13,
  setInfo: 14,
  getInfo: 15,
  zero: 16,
  flush: 17,
} as const
/** A command by its name in this library: `newService` is IPVS_CMD_NEW_SERVICE of <linux/ip_vs.h>. */
export type Command = keyof typeof commands

const commandNames = Object.fromEntries(Object.entries(commands).map(([name, id]) => [id, name as Command]))
export const commandName = (id: number): Command | undefined => commandNames[id]

/** The set in which a message of this command carries its attributes. */
export const attributesOf = (command: number): Codec<WireMessage> =>
  (command === commands.setInfo ? info : message) as Codec<WireMessage>

/** What ip_vs_genl_parse_service() and _parse_dest() demand on NEW and SET, beside the identity. */
export const required = {
  service: ['scheduler', 'flags', 'timeout', 'netmask'],
  destination: ['forwarding', 'weight', 'upperThreshold', 'lowerThreshold'],
} as const

export const AF_INET = 2
export const AF_INET6 = 10
export const protocols = { tcp: 6, udp: 17, sctp: 132 } as const

/** IP_VS_SVC_F_*. HASHED is the kernel's own and stands in every reply. */
export const serviceFlags = {
  persistent: 0x1,
  hashed: 0x2,
  onePacket: 0x4,
  scheduler: [0x8, 0x10, 0x20], // 3.11; what they mean is the scheduler's affair
} as const

/** IP_VS_CONN_F_FWD_MASK and the methods under it. */
export const FORWARDING_MASK = 7
export const forwardings = {
  masquerading: 0,
  local: 1,
  tunneling: 2,
  'direct-routing': 3,
  bypass: 4,
} as const

/** IP_VS_CONN_F_TUNNEL_TYPE_*: GUE since 5.2, GRE since 5.3; and IP_VS_TUNNEL_ENCAP_FLAG_*. */
export const tunnelTypes = { ipip: 0, gue: 1, gre: 2 } as const
export const tunnelChecksums = { none: 0, plain: 1, remote: 2 } as const

/** IP_VS_STATE_*. */
export const daemonStates = { master: 1, backup: 2 } as const
