// The generic npm package "netlink" speaking IPVS by hand: what a Node program could do before there was a client.
// SPDX-License-Identifier: MIT
//
//   node netlink.mjs OPERATIONS AT_ONCE
//
// Works in its network namespace and prints JSON, in milliseconds. The package sends each request by itself; so many
// are made before the first is awaited.
import netlink from 'netlink'
import { eachOperation, PORT, serverKey, serviceKey } from '../operations.mjs'

const NESTED = 0x8000
const [GETFAMILY, NEW_SERVICE, NEW_DEST] = [3, 1, 5]

const attribute = (type, data) => {
  const header = Buffer.alloc(4)
  header.writeUInt16LE(4 + data.length, 0)
  header.writeUInt16LE(type, 2)
  return Buffer.concat([header, data, Buffer.alloc(-data.length & 3)])
}
const u16 = (type, value) => attribute(type, Buffer.from([value & 255, value >> 8]))
const be16 = (type, value) => attribute(type, Buffer.from([value >> 8, value & 255]))
const u32 = (type, value) => {
  const data = Buffer.alloc(4)
  data.writeUInt32LE(value >>> 0)
  return attribute(type, data)
}
const address = (type, text) => attribute(type, Buffer.from(text.split('.').map(Number)))
const nest = (type, parts) => attribute(type | NESTED, Buffer.concat(parts))

const keyOf = (index) => [u16(1, 2), u16(2, 6), address(3, serviceKey(index).address), be16(4, PORT)]
const flags = attribute(7, Buffer.from([0, 0, 0, 0, 255, 255, 255, 255]))
const newService = (index) =>
  nest(1, [...keyOf(index), attribute(6, Buffer.from('wlc\0')), flags, u32(8, 0), u32(9, 0xffffffff)])
const newServer = (index, place) =>
  Buffer.concat([
    nest(1, keyOf(index)),
    nest(2, [
      ...[address(1, serverKey(index, place).address), be16(2, PORT)],
      ...[u32(3, 0), u32(4, 1), u32(5, 0), u32(6, 0), u16(11, 2)],
    ]),
  ])

const [operations, atOnce] = process.argv.slice(2).map(Number)
const socket = netlink.createGenericNetlink()
const [family] = await socket.ctrlRequest(GETFAMILY, { familyName: 'IPVS' })
const request = (command, data) => socket.request(family.familyId, command, 1, data)

const requests = []
eachOperation(0, operations, {
  addService: (index) => requests.push(() => request(NEW_SERVICE, newService(index))),
  addServer: (index, place) => requests.push(() => request(NEW_DEST, newServer(index, place))),
})
const start = performance.now()
for (let at = 0; at < operations; at += atOnce)
  await Promise.all(requests.slice(at, at + atOnce).map((make) => make()))
console.log(JSON.stringify({ time: performance.now() - start }))
socket.socket.close()
