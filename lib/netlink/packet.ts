// One packet on one interface, past the system's own protocols, through the native addon.
// SPDX-License-Identifier: MIT

import { addon } from '../addon.js'
import type { NetworkNamespace } from './socket.js'

export interface Packet {
  /** ETH_P_… of <linux/if_ether.h>. */
  readonly protocol: number
  /** Link-layer address; the kernel writes the header around it. */
  readonly destination: Uint8Array
  readonly bytes: Uint8Array
}

export type SendFrame = (
  netns: string | number | null,
  interfaceIndex: number,
  protocol: number,
  destination: Uint8Array,
  packet: Uint8Array,
) => void

/** Sends it at once. Throws an error with `errno` and `syscall`; needs CAP_NET_RAW in the namespace. */
export const sendPacket = (
  netns: NetworkNamespace | undefined,
  interfaceIndex: number,
  { protocol, destination, bytes }: Packet,
): void => addon().sendFrame(netns ?? null, interfaceIndex, protocol, destination, bytes)
