// rtnetlink messages, announcements and the notes of a real server, as bytes and text.
// SPDX-License-Identifier: MIT

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatNotes, parseNotes, type TunnelNote } from '../../lib/real-server-notes.ts'
import { announcement } from '../../lib/route/announcement.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const hardware = Uint8Array.of(0x02, 0, 0, 0, 0, 0x0b)

test('gratuitous ARP: a request and a reply about oneself, to everybody', () => {
  const packets = announcement(Uint8Array.of(192, 0, 2, 80), hardware, false)
  expect(packets.map(({ protocol, destination }) => [protocol, hex(destination)])).toEqual([
    [0x0806, 'ffffffffffff'],
    [0x0806, 'ffffffffffff'],
  ])
  expect(packets.map(({ bytes }) => hex(bytes))).toEqual([
    '0001080006040001' + '02000000000b' + 'c0000250' + '000000000000' + 'c0000250',
    '0001080006040002' + '02000000000b' + 'c0000250' + '02000000000b' + 'c0000250',
  ])
})

/** One's complement sum of 16-bit words, over the pseudo-header too: 0xffff where the checksum is right. */
const sum = (packet: Buffer): number => {
  const pseudo = Buffer.concat([packet.subarray(8, 40), Buffer.of(0, 0, 0, packet.length - 40, 0, 0, 0, 58)])
  const all = Buffer.concat([pseudo, packet.subarray(40)])
  let total = 0
  for (let i = 0; i < all.length; i += 2) total += all.readUInt16BE(i)
  return (total & 0xffff) + (total >>> 16)
}

test('an unsolicited advertisement: override, from the address itself, with a checksum that is right', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.uint8Array({ minLength: 6, maxLength: 6 }),
      fc.boolean(),
      (address, mac, router) => {
        const [packet, ...rest] = announcement(address, mac, router)
        expect(rest).toEqual([])
        expect([packet!.protocol, hex(packet!.destination)]).toEqual([0x86dd, '333300000001'])
        const bytes = Buffer.from(packet!.bytes)
        expect(sum(bytes)).toBe(0xffff)
        const text = hex(bytes)
        expect(text.slice(0, 16)).toBe('6000000000203aff')
        expect(text.slice(16, 80)).toBe(`${hex(address)}ff020000000000000000000000000001`)
        expect(text.slice(80, 84)).toBe('8800')
        expect(text.slice(88)).toBe(`${router ? 'a0' : '20'}000000${hex(address)}0201${hex(mac)}`)
      },
    ),
  )
})

test('notes are read back, whatever they say; other text is none', () => {
  const arp = fc.uniqueArray(
    fc.record({ index: fc.integer({ min: 1, max: 400 }), ignore: fc.nat(8), announce: fc.nat(2) }),
    { selector: ({ index }) => index },
  )
  const before = fc.constantFrom<TunnelNote['before'][]>('absent', 'down', 'up')
  const tunnels = fc.uniqueArray(
    fc.record({ name: fc.constantFrom('tunl0', 'ip6tnl0'), before, rpFilter: fc.nat(2) }),
    {
      selector: ({ name }) => name,
    },
  )
  fc.assert(
    fc.property(fc.record({ arp, tunnels }), (notes) => {
      const read = parseNotes(formatNotes(notes))!
      const sorted = (list: typeof notes.arp) => list.toSorted((a, b) => a.index - b.index)
      expect(sorted([...read.arp])).toEqual(sorted(notes.arp))
      expect(read.tunnels).toEqual(notes.tunnels)
    }),
  )
  expect(
    formatNotes({ arp: [2, 3, 4, 9].map((index) => ({ index, ignore: 0, announce: 0 })), tunnels: [] }),
  ).toBe('ipvs real server; arp 0,0:2-4,9')
  expect(['', 'uplink to rack 7', 'ipvs real servers'].map(parseNotes)).toEqual([
    undefined,
    undefined,
    undefined,
  ])
})
