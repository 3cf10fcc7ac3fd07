// Drives the addon hard: node --expose-gc addon-stress.mjs [path of ipvs.node] [calls | workers]. Meant for
// the sanitizers (`make addon-asan`), and quick enough for any build. Exit status 0: nothing broke or leaked.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

const path = isMainThread
  ? resolve(process.argv[2] ?? `${import.meta.dirname}/../../native/build/Release/ipvs.node`)
  : workerData.path
const { Socket, sendFrame } = createRequire(import.meta.url)(path)

const ROUTE = 0
const REQUEST = 1
const ACK = 4
const DUMP = 0x300
const CONTROLLER = 0x10
const ENOENT = 2
const EBADF = 9
const EBUSY = 16
const EINVAL = 22
const ETIMEDOUT = 110

/** CTRL_CMD_GETFAMILY, without attributes. */
function message(type, flags, seq) {
  const bytes = new DataView(new ArrayBuffer(20))
  bytes.setUint32(0, 20, true)
  bytes.setUint16(4, type, true)
  bytes.setUint16(6, flags, true)
  bytes.setUint32(8, seq, true)
  bytes.setUint8(16, 3)
  return new Uint8Array(bytes.buffer)
}

const dump = () => message(CONTROLLER, REQUEST | DUMP, 1)
const refused = () => message(0x7fff, REQUEST | ACK, 1)
const unanswered = () => message(CONTROLLER, DUMP, 1) // no REQUEST: the kernel passes over it in silence

/** What the addon opens: sockets and network namespaces. Node has files of its own, and opens more at will. */
function descriptors() {
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return 'closed' // the one that the directory was read with
    }
  })
  return targets.filter((target) => /^(socket|net):/.test(target))
}

/** Finalizers run some turns after the collection that found something to finalize. */
async function collectGarbage() {
  for (let turn = 0; turn < 10; turn++) {
    globalThis.gc()
    await sleep(5)
  }
}

async function failure(promise) {
  try {
    await promise
  } catch (error) {
    return error
  }
  return assert.fail('expected a failure')
}

async function transactions() {
  const socket = new Socket(null, 0)
  assert.ok(socket.fd >= 0)
  for (let i = 0; i < 200; i++) {
    const replies = await socket.transact(dump(), 1, 1000)
    assert.ok(Buffer.isBuffer(replies) && replies.length > 20)
    assert.deepEqual(socket.transactSync(dump(), 1, 1000), replies)
    assert.equal(socket.transactSync(refused(), 1, 1000).readInt32LE(16), -ENOENT)
  }
  socket.close()
  assert.equal(socket.fd, -1)
}

async function failures() {
  assert.throws(() => new Socket('/nonexistent', 0), { errno: ENOENT, syscall: 'open' })
  assert.throws(() => new Socket('/proc\0', 0), { errno: EINVAL, syscall: 'open' })
  assert.throws(() => new Socket(undefined, 0), TypeError)
  assert.throws(() => new Socket(null), TypeError)
  assert.throws(() => new Socket(null, 0, '0'), TypeError)
  assert.throws(() => new Socket(null, 0, 999), { syscall: 'socket' })
  new Socket(null, 0, ROUTE).close()
  assert.throws(() => Socket(null, 0), TypeError)
  assert.throws(() => Socket.prototype.close.call({}), TypeError)

  const socket = new Socket(null, 0)
  assert.throws(() => socket.transact('no bytes', 1, 0), TypeError)
  assert.throws(() => socket.transactSync(new Uint16Array(10), 1, 0), TypeError)
  assert.throws(() => socket.transactSync(new Uint8Array(0), 1, 0), { errno: EINVAL, sent: 0 })
  assert.throws(() => socket.transactSync(refused(), 2, Number.NaN), { errno: EINVAL, syscall: 'transact' })

  const error = await failure(socket.transact(unanswered(), 1, 20))
  assert.equal(error.errno, ETIMEDOUT)
  assert.equal(error.sent, 1)
  assert.ok(Buffer.isBuffer(error.replies) && error.replies.length === 0)
  socket.close()
  assert.equal((await failure(socket.transact(refused(), 1, 0))).errno, EBADF)
  assert.throws(() => socket.transactSync(refused(), 1, 0), { errno: EBADF, syscall: 'transact' })
}

/** Without the right to send packets as without an interface to send them on. */
async function frames() {
  const [address, packet] = [new Uint8Array(6), new Uint8Array(28)]
  assert.throws(() => sendFrame(null, 0, 0x806, address), TypeError)
  assert.throws(() => sendFrame({}, 0, 0x806, address, packet), TypeError)
  assert.throws(() => sendFrame('a\0b', 0, 0x806, address, packet), { errno: EINVAL })
  assert.throws(() => sendFrame(null, 0, 0x806, new Uint8Array(9), packet), { errno: EINVAL })
  assert.throws(() => sendFrame(null, 0x7fffffff, 0x806, address, packet), /^Error: (socket|sendto): errno/)
  assert.throws(
    () => sendFrame(null, 0, 0x806, new Uint8Array(0), new Uint8Array(0)),
    /^Error: (socket|sendto): errno/,
  )
}

async function oneAfterTheOther() {
  const socket = new Socket(null, 0)
  const settled = []
  const first = socket.transact(unanswered(), 1, 50).catch(() => settled.push(1))
  const others = [2, 3, 4].map((i) => socket.transact(refused(), 1, 1000).then(() => settled.push(i)))
  assert.throws(() => socket.transactSync(refused(), 1, 0), { errno: EBUSY, syscall: 'transact' })
  await Promise.all([first, ...others])
  assert.deepEqual(settled, [1, 2, 3, 4])
  // Those that come when the job has done all it had, but has not told yet.
  for (let i = 0; i < 50; i++) {
    const replies = [socket.transact(refused(), 1, 1000)]
    const until = performance.now() + 2
    while (performance.now() < until) replies.push(socket.transact(refused(), 1, 1000))
    for (const reply of await Promise.all(replies)) assert.ok(reply.length > 0)
  }
  assert.ok((await socket.transact(refused(), 1, 1000)).length > 0)
  const last = [1, 2, 3].map(() => socket.transact(refused(), 1, 1000))
  socket.close() // when they are done
  for (const reply of await Promise.all(last)) assert.ok(reply.length > 0)
}

async function closedWhileBusy() {
  const before = descriptors()
  const socket = new Socket(null, 0)
  const pending = failure(socket.transact(unanswered(), 1, 50))
  socket.close()
  socket.close()
  assert.equal(socket.fd, -1)
  assert.equal(descriptors().length, before.length + 1) // the job has it
  assert.equal((await pending).errno, ETIMEDOUT)
  assert.deepEqual(descriptors(), before)
}

async function requestTakenAway() {
  const socket = new Socket(null, 0)
  const request = refused()
  const pending = socket.transact(request, 1, 1000)
  structuredClone(request.buffer, { transfer: [request.buffer] })
  assert.equal((await pending).readInt32LE(16), -ENOENT)
  assert.throws(() => socket.transactSync(request, 1, 0), { errno: EINVAL })
  socket.close()
}

async function forgottenSockets() {
  const before = descriptors()
  for (let i = 0; i < 100; i++) new Socket(null, 0)
  await collectGarbage()
  assert.deepEqual(descriptors(), before)

  const pending = Array.from({ length: 8 }, () => failure(new Socket(null, 0).transact(unanswered(), 1, 50)))
  await collectGarbage()
  for (const error of await Promise.all(pending)) assert.equal(error.errno, ETIMEDOUT)
  assert.deepEqual(descriptors(), before)
}

/** A worker that is busy in every way until it is terminated. */
async function beBusy() {
  const spin = async (open, request, deadline) => {
    for (;;) {
      const socket = open()
      await socket.transact(request, 1, deadline).catch(() => {})
      if (Math.random() < 0.5) socket.close()
    }
  }
  const kept = new Socket(null, 0)
  kept.transact(unanswered(), 1, 100).catch(() => {})
  parentPort.postMessage('busy')
  await Promise.all([
    spin(() => new Socket(null, 0), dump(), 1000),
    spin(() => new Socket(null, 0), refused(), 1000),
    spin(() => new Socket(null, 0), unanswered(), 5),
    (async () => {
      const socket = new Socket(null, 0)
      for (;;) {
        for (let i = 0; i < 50; i++) socket.transactSync(dump(), 1, 1000)
        await new Promise(setImmediate)
      }
    })(),
  ])
}

async function terminatedWorkers() {
  const worker = async () => {
    const thread = new Worker(new URL(import.meta.url), { workerData: { path } })
    const started = new Promise((resolve, reject) => thread.once('message', resolve).once('error', reject))
    if (Math.random() < 0.9) await started // the others are terminated while they load the addon
    await sleep(Math.random() * 30)
    await thread.terminate()
  }
  await Promise.all(Array.from({ length: 20 }, worker))
}

async function calls() {
  const before = descriptors()
  for (const test of [
    transactions,
    failures,
    frames,
    oneAfterTheOther,
    closedWhileBusy,
    requestTakenAway,
    forgottenSockets,
  ]) {
    await test()
    await collectGarbage()
    assert.deepEqual(descriptors(), before)
    console.log(`${test.name}: ok`)
  }
}

async function workers() {
  const before = descriptors()
  for (let round = 1; round <= 10; round++) {
    await terminatedWorkers()
    await collectGarbage()
    console.log(
      `20 workers terminated, round ${round}: ${descriptors().length - before.length} descriptors leaked`,
    )
    assert.deepEqual(descriptors(), before)
  }
}

async function main(part) {
  if (part !== 'workers') await calls()
  if (part !== 'calls') await workers()
}

await (isMainThread ? main(process.argv[3]) : beBusy())
