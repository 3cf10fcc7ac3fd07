// The story: what a director does with this library from its first service to a server's removal.
// SPDX-License-Identifier: MIT
import { Ipvs } from '../dist/index.js'
import { eventually, showTable, Traffic } from './observe.mjs'
import { call, check, narrated, note, step } from './report.mjs'
import { whoHasTheVip } from './topology.mjs'

/** Where replies went: through the director only when masquerading. */
function checkPath(network, { inPkts, outPkts }) {
  note(`the director counted ${inPkts} packets to the servers and ${outPkts} back`)
  if (network.forwarding === 'masquerading') {
    return check('replies came back through the director', outPkts > 0n, true)
  }
  check('replies went straight to the client', outPkts, 0n)
  const { used, director } = whoHasTheVip(network)
  check(`only the director answers ${network.ipv6 ? 'NDP' : 'ARP'} for the virtual address`, used, director)
}

async function tell(ipvs, { web, network, traffic }) {
  const { forwarding, servers } = network
  const [one, two, three] = servers.map(({ address }) => ({ address }))

  step(`A virtual service, three real servers by ${forwarding}, weighted round robin`)
  await ipvs.services.add({ ...web, scheduler: 'wrr' })
  await Promise.all([
    ipvs.destinations.add(web, { ...one, forwarding, weight: 1 }),
    ipvs.destinations.add(web, { ...two, forwarding, weight: 2 }),
    ipvs.destinations.add(web, { ...three, forwarding, weight: 3 }),
  ])
  await showTable(ipvs)

  step('Traffic')
  await traffic.expect(60, { 'server-1': 1, 'server-2': 2, 'server-3': 3 })
  checkPath(network, await traffic.expectCounters(ipvs, servers))
  await showTable(ipvs, { stats: true })

  step('Other weights, while the service runs')
  await Promise.all([
    ipvs.destinations.edit(web, one, { weight: 3 }),
    ipvs.destinations.edit(web, three, { weight: 1 }),
  ])
  await traffic.expect(30, { 'server-1': 3, 'server-2': 2, 'server-3': 1 })

  step('Quiesce server-3 while a client is connected to it')
  const active = async () => (await ipvs.destinations.get(web, three)).activeConns
  await traffic.hold('server-3')
  check('server-3 has one active connection, a stream', await eventually(active, 1), 1)
  await ipvs.destinations.edit(web, three, { weight: 0 })
  await traffic.expect(30, { 'server-1': 3, 'server-2': 2, 'server-3': 0 })
  check('the stream goes on: lines still come from server-3', await traffic.linesHeard(3), true)
  check('its connection is still active', await active(), 1)
  await showTable(ipvs)

  step('Drained: the client closes its connection, server-3 is removed')
  await traffic.release()
  check('server-3 has no active connection', await eventually(active, 0), 0)
  await ipvs.destinations.delete(web, three)
  await traffic.expect(30, { 'server-1': 3, 'server-2': 2 })

  step('The final table')
  await traffic.expectCounters(ipvs, servers.slice(0, 2))
  await showTable(ipvs)
  await showTable(ipvs, { stats: true })
}

/** Sets the director up in the network namespace `netns` and watches the traffic that `ask` makes the client send. */
export async function direct({ network, netns, url, ask }) {
  step('Open the IPVS of the network namespace "director"')
  call(`const ipvs = await Ipvs.open({ netns: '${netns}' })`)
  const ipvs = await Ipvs.open({ netns })
  try {
    const { version, connectionTableSize } = await ipvs.info()
    note(`IPVS ${version}, connection table of ${connectionTableSize} buckets`)
    check('its table is empty', (await ipvs.snapshot()).services, [])

    const web = { protocol: 'tcp', address: network.vip, port: 80 }
    call(`const web = { protocol: 'tcp', address: '${web.address}', port: ${web.port} }`)
    const traffic = new Traffic(ask, url)
    await tell(narrated(ipvs, { web }), { web, network, traffic })
    return traffic.requests
  } finally {
    await ipvs.close()
  }
}
