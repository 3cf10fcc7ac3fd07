// The native socket against a family that every Linux has and everybody may ask: nlctrl, about itself.
// SPDX-License-Identifier: MIT

import { expect, onTestFinished, test } from 'vitest'
import { addon } from '../../lib/addon.ts'
import { familyReply, familyRequest } from '../../lib/netlink/family.ts'
import { openSocket, type Socket } from '../../lib/netlink/socket.ts'

const request = familyRequest('nlctrl')
const nlctrl = { id: 16 }
const EBADF = 9
const EBUSY = 16
const DEADLINE = 10_000

const opened = (): Socket => {
  const socket = openSocket(undefined, 0)
  onTestFinished(() => socket.close())
  return socket
}

test('asked in turn, at once and beside each other, it answers each', async () => {
  const socket = opened()
  expect(familyReply(socket.transactSync(request, 1, DEADLINE))).toEqual(nlctrl)
  const replies = await Promise.all([1, 2, 3].map(() => socket.transact(request, 1, DEADLINE)))
  expect(replies.map(familyReply)).toEqual([nlctrl, nlctrl, nlctrl])
})

test('replies are written where there is room for them, else returned', () => {
  const socket = opened()
  const room = new Uint8Array(4096)
  const length = socket.transactSync(request, 1, DEADLINE, room)
  expect(length).toBeGreaterThan(36)
  expect(familyReply(room.subarray(0, length as number))).toEqual(nlctrl)
  const bytes = socket.transactSync(request, 1, DEADLINE, new Uint8Array(35))
  expect(familyReply(bytes as Uint8Array)).toEqual(nlctrl)
})

test('what the family refuses is a reply; what is no message is an error, and nothing is sent', () => {
  const socket = opened()
  expect(familyReply(socket.transactSync(familyRequest('no such'), 1, DEADLINE))).toEqual({ errno: 2 })
  const torn = request.subarray(0, 16) // its header says 32
  expect(() => socket.transactSync(torn, 1, DEADLINE)).toThrow(
    expect.objectContaining({ errno: 22, syscall: 'transact', sent: 0 }),
  )
})

test('a synchronous call beside one on the pool: EBUSY, and the other is answered', async () => {
  const socket = opened()
  const first = socket.transact(request, 1, DEADLINE)
  expect(() => socket.transactSync(request, 1, DEADLINE)).toThrow(expect.objectContaining({ errno: EBUSY }))
  expect(familyReply(await first)).toEqual(nlctrl)
  expect(familyReply(socket.transactSync(request, 1, DEADLINE))).toEqual(nlctrl)
})

test('closed with a call under way: that one is answered, later ones fail', async () => {
  const socket = openSocket(undefined, 0)
  const first = socket.transact(request, 1, DEADLINE)
  socket.close()
  socket.close()
  expect(familyReply(await first)).toEqual(nlctrl)
  await expect(socket.transact(request, 1, DEADLINE)).rejects.toMatchObject({ errno: EBADF, sent: 0 })
  expect(() => socket.transactSync(request, 1, DEADLINE)).toThrow(expect.objectContaining({ errno: EBADF }))
})

test('a namespace that is none', () => {
  const open = (netns: string | number) => () => openSocket(netns, 0)
  expect(open('/run/netns/none of that name')).toThrow(expect.objectContaining({ errno: 2 }))
  expect(open('/proc/self/ns/net\0')).toThrow(expect.objectContaining({ errno: 22 }))
  expect(open(-1)).toThrow(expect.objectContaining({ errno: EBADF }))
})

test('arguments of another type are refused by the addon itself', () => {
  const socket = opened()
  const Native = addon().Socket
  expect(() => new Native(true as never, 0)).toThrow(TypeError)
  expect(() => new Native(null, 'large' as never)).toThrow(TypeError)
  for (const wrong of ['text', new Uint16Array(8), undefined])
    expect(() => socket.transactSync(wrong as never, 1, DEADLINE)).toThrow(TypeError)
  expect(() => socket.transactSync(request, '1' as never, DEADLINE)).toThrow(TypeError)
  expect(() => socket.transactSync(request, 1, 'soon' as never)).toThrow(TypeError)
  expect(() => socket.transact(undefined as never, 1, DEADLINE)).toThrow(TypeError)
})
