// Feeds the hashing functions of the addon with what fits and what does not: node hashing-stress.mjs [path of
// ipvs.node] [seconds]. Meant for the sanitizers (`make addon-asan`). Exit status 0: nothing broke.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'

const path = resolve(process.argv[2] ?? `${import.meta.dirname}/../../native/build/Release/ipvs.node`)
const { hashing } = createRequire(import.meta.url)(path)
const seconds = Number(process.argv[3] ?? 5)

const below = (number) => Math.floor(Math.random() * number)
const pick = (list) => list[below(list.length)]
const random = (Type, length) => {
  const { buffer } = Uint8Array.from(randomBytes(length * Type.BYTES_PER_ELEMENT))
  return new Type(buffer)
}
const detached = () => {
  const array = new Uint16Array(512)
  structuredClone(array.buffer, { transfer: [array.buffer] })
  return array
}

const odd = [
  undefined,
  null,
  -1,
  5,
  Number.NaN,
  2 ** 64,
  -1n,
  2n ** 64n,
  'hrw',
  {},
  [],
  new DataView(new ArrayBuffer(8)),
  new Float64Array(8),
  detached(),
  new Uint8Array(3),
  new Uint16Array(1 << 21),
  new Uint32Array(7),
  new BigUint64Array(70_000),
]

/** Sizes of the tables of each scheduler, by its number. */
const sizes = [[0], [256, 1024], [251, 509], [16, 256], [251, 1021]]

function makeCalls() {
  const scheduler = below(5)
  const size = pick(sizes[scheduler])
  const count = pick([0, 1, 2, 7, below(300)])
  const seed = random(BigUint64Array, 1)[0]
  const keys = random(Uint32Array, 6 * count)
  const ids = random(BigUint64Array, count)
  const weights = random(Uint32Array, count).map((weight) => weight >>> below(32))
  const unusable = pick([new Uint8Array(), random(Uint8Array, count).map((byte) => byte & 1)])
  const slots = random(Uint16Array, size) // most of them of no server
  const width = pick([4, 16])
  const clients = random(Uint8Array, 50 * width)
  const ports = pick([new Uint16Array(), random(Uint16Array, 50)])
  const choices = new Int32Array(50)
  return [
    ['ids', [scheduler, seed, keys, ids]],
    ['settle', [pick([1, 3]), ids, weights, unusable, slots, new Uint16Array(size)]],
    ['checksum', [ids, weights, slots, new BigUint64Array(1)]],
    ['choose', [scheduler, seed, ids, weights, unusable, slots, clients, width, ports, choices]],
    ['fill', [scheduler, ids, weights, slots]],
    ['choose', [scheduler, seed, ids, weights, unusable, slots, clients, width, ports, choices]],
  ].map(([name, values]) => ({ name, values, scheduler, choices, count }))
}

let done = 0
let refused = 0
const end = performance.now() + 1000 * seconds
while (performance.now() < end) {
  for (const { name, values, choices, count } of makeCalls()) {
    if (Math.random() < 0.3) values[below(values.length)] = pick(odd)
    try {
      assert.equal(hashing[name](...values), undefined)
      done++
    } catch (error) {
      assert.ok(error instanceof TypeError && error.message.startsWith(`expected ${name}(`), error)
      refused++
    }
    if (name === 'choose') assert.ok(choices.every((choice) => choice >= -1 && choice < Math.max(count, 1)))
  }
}
for (const name of Object.keys(hashing)) assert.throws(() => hashing[name](), TypeError)
assert.ok(done > 0 && refused > 0)
console.log(`${done} calls, ${refused} refused`)
