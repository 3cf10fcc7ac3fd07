// A Prometheus exporter with the metrics of IPVS under the names that node_exporter gives them.
// SPDX-License-Identifier: MIT
//
//   node exporter.mjs [PORT] [ADDRESS]          http://ADDRESS:PORT/metrics; 9199 and all addresses
//
// Needs `npm install ipvs prom-client`. Dashboards and alerts made for node_exporter work with it; where both run, switch
// off the other's (--no-collector.ipvs).
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { Ipvs } from 'ipvs'
import { Counter, Gauge, Registry } from 'prom-client'

const registry = new Registry()
const registers = [registry]
const labelNames = ['local_address', 'local_port', 'remote_address', 'remote_port', 'proto', 'local_mark']

const totals = [
  ['connections', 'Connections scheduled.'],
  ['incoming_packets', 'Packets from clients.'],
  ['outgoing_packets', 'Packets from real servers that came through the director.'],
  ['incoming_bytes', 'Bytes from clients.'],
  ['outgoing_bytes', 'Bytes from real servers that came through the director.'],
].map(([name, help]) => new Counter({ name: `node_ipvs_${name}_total`, help, registers }))

const backend = (name, help) => new Gauge({ name: `node_ipvs_backend_${name}`, help, labelNames, registers })
const active = backend('connections_active', 'Established connections of a real server.')
const inactive = backend('connections_inactive', 'Other connections of a real server.')
const weight = backend('weight', 'Weight of a real server; 0 while it is drained.')

/** The counters of the whole namespace: those of services would run backwards when one is deleted. */
const readTotals = async () =>
  (await readFile('/proc/net/ip_vs_stats', 'utf8')).split('\n')[2].trim().split(/\s+/)

/** Everything is read before anything is set, so that scrapes beside each other never see half of it. */
async function refresh() {
  const [{ services }, counts] = await Promise.all([ipvs.snapshot(), readTotals()])
  totals.forEach((counter, i) => {
    counter.reset()
    counter.inc(Number.parseInt(counts[i], 16))
  })
  for (const gauge of [active, inactive, weight]) gauge.reset()
  for (const service of services) {
    for (const server of service.destinations) {
      const labels = {
        local_address: service.address ?? '',
        local_port: service.port ?? 0,
        remote_address: server.address,
        remote_port: server.port,
        proto: service.protocol?.toUpperCase() ?? 'FWM',
        local_mark: service.fwmark?.toString(16).toUpperCase().padStart(8, '0') ?? '',
      }
      active.inc(labels, server.activeConns)
      inactive.inc(labels, server.inactiveConns)
      weight.inc(labels, server.weight)
    }
  }
}

const [port = '9199', address] = process.argv.slice(2)
const ipvs = await Ipvs.open()
const server = createServer(async (request, response) => {
  if (request.url !== '/metrics') return response.writeHead(404).end()
  try {
    await refresh()
    response.setHeader('content-type', registry.contentType).end(await registry.metrics())
  } catch (error) {
    response.writeHead(500).end(`${error.message}\n`)
  }
})
server.listen(Number(port), address, () => console.log('listening'))
