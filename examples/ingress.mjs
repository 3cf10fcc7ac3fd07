// An HTTP server that joins a virtual service once it listens, and on SIGTERM leaves it without breaking a request.
// SPDX-License-Identifier: MIT
//
//   node ingress.mjs VIP PORT OWN-ADDRESS OWN-PORT [NETNS]
//
// NETNS is the director's network namespace (/run/netns/NAME, /proc/PID/ns/net), where it is not this process's own. Any
// number of these, started and ended at any time, are one service; so is a new version beside the old one.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { drain, Ipvs, undrain } from 'ipvs'

const WEIGHT = 100

const [vip, vport, address, port, netns] = process.argv.slice(2)
if (port === undefined) throw new Error('usage: node ingress.mjs VIP PORT OWN-ADDRESS OWN-PORT [NETNS]')
/** @type {import('ipvs').ServiceKey} */
const service = { protocol: 'tcp', address: vip, port: Number(vport) }
const own = { address, port: Number(port) }

/** Unless the error has this reason, which is no failure here. */
const unless = (reason) => (error) => {
  if (error.reason !== reason) throw error
  return reason
}

let leaving = false
const server = createServer((request, response) => {
  let bytes = 0
  request.on('data', (chunk) => {
    bytes += chunk.length
  })
  request.on('end', () => {
    // A client that keeps its connection keeps its server: it is asked to make a new one.
    if (leaving) response.setHeader('connection', 'close')
    response.end(`${address}:${port} got ${bytes} bytes\n`)
  })
})
const ended = once(process, 'SIGTERM') // From now on: it may come while the server is being attached.
server.listen(own.port, address)
await once(server, 'listening') // Not before may clients come.

const ipvs = await Ipvs.open(netns === undefined ? {} : { netns })
await ipvs.services.add({ ...service, scheduler: 'rr' }).catch(unless('service-exists'))
const added = await ipvs.destinations
  .add(service, { ...own, forwarding: 'masquerading', weight: WEIGHT })
  .catch(unless('destination-exists'))
// Left behind by one that was killed, perhaps while it was leaving.
if (added === 'destination-exists') await undrain(ipvs, service, own, WEIGHT)
console.log('attached')

await ended
/** @type {import('ipvs').DrainOptions} */
const options = { until: 'no-active', deadline: 30_000, interval: 200 }
// It goes on listening: what was scheduled to this server until now is served.
for await (const { state, left } of drain(ipvs, service, own, options)) {
  leaving = true
  server.closeIdleConnections()
  console.log(state, left)
}
await ipvs.close()
server.close()
