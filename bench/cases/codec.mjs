// Encoding and decoding alone, on the host itself: no kernel, no socket, no emulation.
// SPDX-License-Identifier: MIT
import { commands, FAMILY_VERSION, message } from '../../dist/abi.js'
import { Batch } from '../../dist/batch.js'
import { Destinations } from '../../dist/destinations.js'
import { destinationFromWire } from '../../dist/model/destination.js'
import { Writer } from '../../dist/netlink/attr.js'
import { frame, stamp, walk } from '../../dist/netlink/message.js'
import { readMessage } from '../../dist/wire.js'
import { figure, inTurn, ratio } from '../figures.mjs'
import { execute } from '../namespace.mjs'
import { prepare, serverKey, serviceKey } from '../operations.mjs'
import { floorProgram } from '../setup.mjs'

const [FAMILY, AF_INET] = [32, 2]
const ignore = () => undefined

const bytesOf = (text, length) => {
  const bytes = new Uint8Array(length)
  bytes.set(text.split('.').map(Number))
  return bytes
}
const serviceOf = (index) => {
  const { address, port } = serviceKey(index)
  return { family: AF_INET, protocol: 6, address: bytesOf(address, 4), port }
}
const wireServer = (index, length) => {
  const { address, port } = serverKey(index, 1)
  const settings = { forwarding: 0, weight: 1, upperThreshold: 0, lowerThreshold: 0, family: AF_INET }
  return { address: bytesOf(address, length), port, ...settings }
}

/** Replies as the kernel writes them, with both sets of counters. */
function replies(count) {
  const narrow = { conns: 1, inPkts: 2, outPkts: 3, inBytes: 4n, outBytes: 5n }
  const rates = { cps: 6, inPps: 7, outPps: 8, inBps: 9, outBps: 10 }
  const stats = { ...narrow, ...rates }
  const stats64 = Object.fromEntries(Object.entries(stats).map(([name, value]) => [name, BigInt(value)]))
  const out = new Writer(512)
  for (let i = 0; i < count; i++) {
    const counts = { activeConns: 0, inactiveConns: 0, persistentConns: 0, stats, stats64 }
    const tunnel = { tunnelType: 0, tunnelPort: 0, tunnelFlags: 0 }
    const body = { destination: { ...wireServer(i, 16), ...counts, ...tunnel } }
    const start = out.length
    frame(out, commands.newDest, FAMILY_VERSION, (to) => message.write(to, body))
    stamp(out.view, start, FAMILY, 2, 1)
  }
  return out.bytes.subarray(0, out.length)
}

function intoBatches(count, add) {
  for (let at = 0; at < count; at += 128) {
    const batch = new Batch()
    for (let i = at; i < Math.min(count, at + 128); i++) add(batch, i)
    batch.seal(FAMILY, 1)
  }
}

function ways(count) {
  const wire = Array.from({ length: 1024 }, (_, i) => ({
    service: serviceOf(i),
    destination: wireServer(i, 4),
  }))
  const servers = prepare(0, 6 * 1024).filter(([, server]) => server !== undefined)
  let batch
  const runner = { call: (make) => batch.add(make()) }
  const destinations = new Destinations(runner)
  const buffer = replies(1024)
  const decode = (visit) => {
    for (let at = 0; at < count; at += 1024)
      walk(buffer, ({ offset, length }, view) => visit(readMessage(view, offset, length)))
  }
  return {
    'encode: attributes to bytes': () =>
      intoBatches(count, (into, i) => into.add({ command: 'newDest', body: wire[i & 1023] })),
    'encode: destinations.add() to bytes': () =>
      intoBatches(count, (into, i) => {
        batch = into
        void destinations.add(...servers[i % servers.length])
      }),
    'decode: bytes to attributes': () => decode(ignore),
    'decode: bytes to what destinations.list() gives': () =>
      decode(({ destination }) => destinationFromWire(destination, AF_INET)),
  }
}

/** Nanoseconds for each message. */
export async function codec({ quick }) {
  const count = quick ? 20_480 : 204_800
  const all = ways(count)
  for (const way of Object.values(all)) for (let i = 0; i < 3; i++) way()
  const names = ['floor: encode', ...Object.keys(all)]
  const runs = await inTurn(quick ? 1 : 11, names, async (name) => {
    if (name === 'floor: encode')
      return JSON.parse((await execute(floorProgram, ['encode', `${count}`])).stdout).nanoseconds / count
    const start = performance.now()
    all[name]()
    return ((performance.now() - start) * 1e6) / count
  })
  const rows = names.map((name) => ({
    ...{ name, nanoseconds: figure(runs[name]) },
    ...(name.includes('encode') ? { ratio: ratio(runs[name], runs['floor: encode']) } : {}),
  }))
  return { rows, replyBytes: replies(1).length }
}
