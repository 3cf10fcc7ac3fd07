// What rtnetlink tells: links, addresses, and the way that the kernel would send a packet.
// SPDX-License-Identifier: MIT

import { bytes, littleEndian, set, text, u32, Writer } from './attr.js'
import { GENERIC_HEADER, HEADER, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, type Reply, walk } from './message.js'
import { NETLINK_ROUTE, type NetworkNamespace, openSocket, type Socket } from './socket.js'

/** Message types of <linux/rtnetlink.h>. */
const RTM_GETLINK = 18
const RTM_GETADDR = 22
const RTM_GETROUTE = 26

const linkAttributes = set({ name: [3, text], mtu: [4, u32], info: [18, set({ kind: [1, text] })] })
const addressAttributes = set({ address: [1, bytes(16)], local: [2, bytes(16)], flags: [8, u32] })
const routeAttributes = set({
  destination: [1, bytes(16)],
  link: [4, u32],
  gateway: [5, bytes(16)],
  metrics: [8, set({ mtu: [2, u32] })],
  via: [18, bytes(18)],
})

/** Flags of a link, IFF_… of <linux/if.h>. */
const IFF_UP = 0x1
const IFF_LOOPBACK = 0x8
const IFF_NOARP = 0x80

export interface WireLink {
  readonly index: number
  readonly name: string
  readonly mtu: number
  /** Such as `veth`, `dummy`, `ipip`; empty where the driver is no virtual one. */
  readonly kind: string
  /** ARPHRD_… of <linux/if_arp.h>: 1 is Ethernet, 768 an IPIP tunnel. */
  readonly hardware: number
  readonly up: boolean
  readonly loopback: boolean
  /** False where neighbours are neither asked for nor answered. */
  readonly arp: boolean
}

export interface WireAddress {
  readonly link: number
  /** 4 or 16 bytes. */
  readonly address: Uint8Array
  readonly prefixLength: number
}

export interface WireRoute {
  /** RTN_… of <linux/rtnetlink.h>: 1 unicast, 2 local; 0 where there is no way, see `errno`. */
  readonly type: number
  readonly errno: number
  readonly link: number
  readonly gateway: Uint8Array | undefined
  /** The route's own MTU, where it has one. */
  readonly mtu: number | undefined
}

/** Fixed headers of rtnetlink stand where generic netlink has its own of 4 bytes. */
const message = (out: Writer, type: number, flags: number, sequence: number, body: () => void): void => {
  const start = out.reserve(HEADER)
  body()
  out.view.setUint32(start, out.length - start, littleEndian)
  out.view.setUint16(start + 4, type, littleEndian)
  out.view.setUint16(start + 6, flags | NLM_F_REQUEST, littleEndian)
  out.view.setUint32(start + 8, sequence, littleEndian)
}

/** A receive buffer of this size takes any link with its attributes. */
const RECEIVE = 32_768
const DEADLINE = 10_000
/** So many answers fit the socket's default receive buffer. */
const CHUNK = 64

const dump = async (socket: Socket, type: number, headerSize: number): Promise<Uint8Array> => {
  const out = new Writer(64)
  message(out, type, NLM_F_DUMP, 1, () => out.reserve(headerSize))
  return socket.transact(out.bytes.subarray(0, out.length), 1, DEADLINE)
}

/** Calls `visit` with the place of each data message's fixed header; an error ends it. */
const each = (replies: Uint8Array, visit: (view: DataView, at: number, end: number) => void): void =>
  walk(replies, (reply, view) => {
    if (reply.kind === 'end') {
      if (reply.errno !== 0) throw new Error(`rtnetlink: errno ${reply.errno}`)
      return
    }
    visit(view, startOf(reply), reply.offset + reply.length)
  })

const startOf = (reply: Extract<Reply, { kind: 'data' }>): number => reply.offset - GENERIC_HEADER

const links = async (socket: Socket): Promise<WireLink[]> => {
  const found: WireLink[] = []
  each(await dump(socket, RTM_GETLINK, 16), (view, at, end) => {
    const { name = '', mtu = 0, info } = linkAttributes.read(view, at + 16, end - at - 16)
    const flags = view.getUint32(at + 8, littleEndian)
    found.push({
      index: view.getInt32(at + 4, littleEndian),
      name,
      mtu,
      kind: info?.kind ?? '',
      hardware: view.getUint16(at + 2, littleEndian),
      up: (flags & IFF_UP) !== 0,
      loopback: (flags & IFF_LOOPBACK) !== 0,
      arp: (flags & IFF_NOARP) === 0,
    })
  })
  return found
}

const addresses = async (socket: Socket): Promise<WireAddress[]> => {
  const found: WireAddress[] = []
  each(await dump(socket, RTM_GETADDR, 8), (view, at, end) => {
    const { address, local } = addressAttributes.read(view, at + 8, end - at - 8)
    const own = local ?? address // of a point-to-point link, `address` is the peer's
    if (own === undefined) return
    found.push({
      link: view.getUint32(at + 4, littleEndian),
      address: own.slice(),
      prefixLength: view.getUint8(at + 1),
    })
  })
  return found
}

const nowhere = (errno: number): WireRoute => ({
  type: 0,
  errno,
  link: 0,
  gateway: undefined,
  mtu: undefined,
})

const routes = async (socket: Socket, targets: readonly Uint8Array[]): Promise<WireRoute[]> => {
  const found: WireRoute[] = targets.map(() => nowhere(0))
  if (targets.length === 0) return found
  const out = new Writer(targets.length * 64)
  for (const [i, destination] of targets.entries()) {
    const last = (i + 1) % CHUNK === 0 || i === targets.length - 1
    message(out, RTM_GETROUTE, last ? NLM_F_ACK : 0, i + 1, () => {
      const at = out.reserve(12)
      out.view.setUint8(at, destination.length === 4 ? 2 : 10)
      out.view.setUint8(at + 1, destination.length * 8)
      routeAttributes.write(out, { destination })
    })
  }
  const replies = await socket.transact(out.bytes.subarray(0, out.length), targets.length, DEADLINE)
  walk(replies, (reply, view) => {
    const i = reply.sequence - 1
    if (reply.kind === 'end') {
      if (reply.errno !== 0) found[i] = nowhere(reply.errno)
      return
    }
    const at = startOf(reply)
    const size = reply.offset + reply.length - at - 12
    const { link = 0, gateway, via, metrics } = routeAttributes.read(view, at + 12, size)
    found[i] = {
      type: view.getUint8(at + 7),
      errno: 0,
      link,
      gateway: (gateway ?? via?.subarray(2))?.slice(),
      mtu: metrics?.mtu,
    }
  })
  return found
}

export interface WireNetwork {
  readonly links: readonly WireLink[]
  readonly addresses: readonly WireAddress[]
  /** For each target the way to it. */
  readonly routes: readonly WireRoute[]
}

/** Reads links, addresses and the routes to `targets` (4 or 16 bytes each) of a namespace; needs no privilege. */
export const readNetwork = async (
  netns: NetworkNamespace | undefined,
  targets: readonly Uint8Array[],
): Promise<WireNetwork> => {
  const socket = openSocket(netns, RECEIVE, NETLINK_ROUTE)
  try {
    return {
      links: await links(socket),
      addresses: await addresses(socket),
      routes: await routes(socket, targets),
    }
  } finally {
    socket.close()
  }
}
