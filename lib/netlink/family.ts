// Resolving a generic netlink family's name to its number, which also makes the kernel load its module.
// SPDX-License-Identifier: MIT

import { set, text, u16, Writer } from './attr.js'
import { frame, NLM_F_ACK, NLM_F_REQUEST, stamp, walk } from './message.js'

const GENL_ID_CTRL = 16
const CTRL_CMD_GETFAMILY = 3
const control = set({ id: [1, u16], name: [2, text] })

/** The request that asks nlctrl for the family `name`; one message. */
export const familyRequest = (name: string): Uint8Array => {
  const out = new Writer(64)
  frame(out, CTRL_CMD_GETFAMILY, 1, (body) => control.write(body, { name }))
  stamp(out.view, 0, GENL_ID_CTRL, NLM_F_REQUEST | NLM_F_ACK, 1)
  return out.bytes.subarray(0, out.length)
}

/** Reads the answer: the family's number, or the errno (ENOENT: no such family and no module that has it). */
export const familyReply = (replies: Uint8Array): { readonly id: number } | { readonly errno: number } => {
  let id: number | undefined
  let errno = 0
  walk(replies, (reply, view) => {
    if (reply.kind === 'end') errno ||= reply.errno
    else id ??= control.read(view, reply.offset, reply.length).id
  })
  if (id !== undefined) return { id }
  return { errno: errno || ENOMSG }
}

const ENOMSG = 42 // the controller answered without a number
