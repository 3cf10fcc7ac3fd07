// Twenty workers that use the client are terminated at random moments, ten rounds; prints the descriptors before and after.
// SPDX-License-Identifier: MIT

import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Ipvs, IpvsSync } from '../../dist/index.js'

const WORKERS = 20
const ROUNDS = 10

/** Asynchronous and synchronous calls, many at a time, until the end comes. */
const work = async ({ netns, port }) => {
  const service = { protocol: 'tcp', address: '192.0.2.10', port }
  for (;;) {
    const ipvs = await Ipvs.open({ netns })
    const sync = IpvsSync.open({ netns })
    await Promise.allSettled([
      ipvs.services.add(service),
      ...Array.from({ length: 150 }, (_, i) =>
        ipvs.destinations.add(service, { address: `10.0.${i >> 8}.${i & 255}` }),
      ),
      ipvs.snapshot(),
      ipvs.services.delete(service),
    ])
    sync.services.list()
    if (Math.random() < 0.5) await ipvs.close() // the others are left to the garbage collector
    parentPort.postMessage('round')
  }
}

const openDescriptors = () => readdirSync('/proc/self/fd').length

const main = async () => {
  const netns = process.argv[2]
  // The first worker makes node open descriptors that it keeps.
  const warm = new Worker(new URL(import.meta.url), { workerData: { netns, port: 1 } })
  await once(warm, 'message')
  await warm.terminate()
  await sleep(1000)
  const before = openDescriptors()
  for (let round = 0; round < ROUNDS; round++) {
    const workers = Array.from({ length: WORKERS }, (_, i) => {
      return new Worker(new URL(import.meta.url), { workerData: { netns, port: 100 + i } })
    })
    await Promise.all(
      workers.map(async (worker) => {
        await sleep(Math.random() * 1500)
        await worker.terminate()
      }),
    )
  }
  // A call of a worker that is gone ends when the kernel answers it.
  for (let i = 0; i < 100 && openDescriptors() > before; i++) await sleep(100)
  console.log(JSON.stringify({ before, after: openDescriptors() }))
}

if (isMainThread) await main()
else await work(workerData)
