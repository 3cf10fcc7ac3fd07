// Twelve thousand operations through one client; prints what came of each kind, as JSON.
// SPDX-License-Identifier: MIT

import { Ipvs } from '../../dist/index.js'

const [netns, every = '0'] = process.argv.slice(2)
const SERVICES = 2000
const SERVERS = 5

const ipvs = await Ipvs.open({ netns })
const services = Array.from({ length: SERVICES }, (_, i) => ({
  protocol: 'tcp',
  address: `192.0.${i >> 8}.${i & 255}`.replace('192.0.0.0', '192.0.99.0'),
  port: 80,
}))
const server = (i) => ({ address: `10.0.0.${i + 1}`, forwarding: 'masquerading' })

/** Wrong in three ways by turns, each of which only the kernel can find. */
const invalid = [
  [(service) => ipvs.services.add(service), 'service-exists'],
  [(service) => ipvs.destinations.delete(service, { address: '10.9.9.9' }), 'no-such-destination'],
  [(service) => ipvs.destinations.add({ ...service, port: 81 }, server(1)), 'no-such-service'],
]

const calls = []
const expected = []
let spoiled = 0
const call = (make, service) => {
  if (every !== '0' && (calls.length + 1) % Number(every) === 0) {
    const [wrong, reason] = invalid[spoiled++ % invalid.length]
    calls.push(wrong(service))
    expected.push(reason)
  }
  calls.push(make())
  expected.push('ok')
}
for (const service of services) {
  calls.push(ipvs.services.add({ ...service, scheduler: 'rr' }))
  expected.push('ok')
  for (let i = 0; i < SERVERS; i++) call(() => ipvs.destinations.add(service, server(i)), service)
}

const settled = await Promise.allSettled(calls)
const actual = settled.map((s) => (s.status === 'fulfilled' ? 'ok' : (s.reason.reason ?? String(s.reason))))
const wrong = actual.flatMap((reason, i) =>
  reason === expected[i] ? [] : [`${i}: ${reason} for ${expected[i]}`],
)

await ipvs.close()

console.log(
  JSON.stringify({
    calls: calls.length,
    failures: actual.filter((reason) => reason !== 'ok').length,
    wrong: wrong.slice(0, 5),
  }),
)
