// A worker that adds and deletes services of a namespace until it is terminated.
// SPDX-License-Identifier: MIT

import { parentPort, workerData } from 'node:worker_threads'
import { IpvsSync } from '../../dist/index.js'

const ipvs = IpvsSync.open({ netns: workerData })
const services = Array.from({ length: 200 }, (_, i) => ({
  protocol: 'tcp',
  address: '192.0.2.10',
  port: 2000 + i,
}))
for (let first = true; ; first = false) {
  for (const service of services) ipvs.services.add(service)
  if (first) parentPort.postMessage('going')
  for (const service of services) ipvs.services.delete(service)
}
