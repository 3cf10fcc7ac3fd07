// The network: which namespaces there are, how they are wired, and what each forwarding method needs.
// SPDX-License-Identifier: MIT
//
//   masquerading: replies come back through the director
//
//     client ─────────── director ────────── switch ─┬─ server-1
//       192.0.2.10         192.0.2.1, .80            ├─ server-2
//                          10.0.0.1                  └─ server-3   10.0.0.11, .12, .13
//
//   direct routing and tunneling: replies go from the real server straight to the client
//
//     client ──────────┬─ switch ─┬─ server-1
//       192.0.2.10     │          ├─ server-2
//     director ────────┘          └─ server-3   10.0.0.11, .12, .13, and 192.0.2.80 on lo
//       192.0.2.1, .80, 10.0.0.1
//
// With IPv6 the two networks are 2001:db8:1::/64 and 2001:db8:2::/64, with the same last groups.
import { configure, connect, ipIn } from './namespace.mjs'

const families = {
  ipv4: { front: '192.0.2.', back: '10.0.0.', length: 24, all: '0.0.0.0', host: 32 },
  ipv6: { front: '2001:db8:1::', back: '2001:db8:2::', length: 64, all: '::', host: 128 },
}

/** Names and addresses of everything. */
export function plan({ forwarding, ipv6 }) {
  const { front, back, length, all, host } = families[ipv6 ? 'ipv6' : 'ipv4']
  const servers = [1, 2, 3].map((i) => ({ name: `server-${i}`, address: `${back}1${i}` }))
  return {
    forwarding,
    ipv6,
    all,
    host,
    length,
    network: `${front}${ipv6 ? '' : '0'}/${length}`,
    client: `${front}10`,
    director: { front: `${front}1`, back: `${back}1` },
    vip: `${front}80`,
    servers,
    names: ['client', 'director', 'switch', ...servers.map(({ name }) => name)],
  }
}

/** Who has which address and how packets go, for people. */
export function description({ forwarding, client, director, vip, servers }) {
  const back = forwarding === 'masquerading' ? 'real server -> director -> client' : 'real server -> client'
  const lines = [
    ['client', client],
    ['director', `${director.front}, ${director.back}; virtual address ${vip}`],
    ...servers.map(({ name, address }) => [name, address]),
    ['requests', 'client -> director -> real server'],
    ['replies', back],
  ]
  return lines.map(([name, text]) => `${name.padEnd(10)}${text}`).join('\n')
}

/** Kernel settings of a namespace. A new one may inherit the host's, hence also what is usually the default. */
function settings({ ipv6, forwarding }, name, interfaces) {
  const family = ipv6 ? 'ipv6' : 'ipv4'
  const written = {}
  // `default` is for the tunnel, which is made later.
  const everywhere = (path, value) => {
    for (const which of ['all', 'default', ...interfaces]) written[`${path.replace('*', which)}`] = value
  }
  everywhere('ipv4/conf/*/rp_filter', 0)
  // Addresses are usable at once, not after a second of asking whether anybody else has them.
  if (ipv6) everywhere('ipv6/conf/*/accept_dad', 0)
  if (name === 'director' && forwarding === 'masquerading') written[`${family}/conf/all/forwarding`] = 1
  if (name.startsWith('server') && forwarding !== 'masquerading') {
    // Servers have the virtual address too, but keep it to themselves: it is the director who answers ARP for it.
    // IPv6 needs nothing: neighbour discovery answers only for addresses of the interface it was asked on.
    everywhere('ipv4/conf/*/arp_ignore', 1)
    everywhere('ipv4/conf/*/arp_announce', 2)
  }
  return written
}

/** Pairs of [namespace, interface] with a wire between them. */
function wires({ forwarding, servers }) {
  const front =
    forwarding === 'masquerading'
      ? [
          [
            ['client', 'eth0'],
            ['director', 'eth0'],
          ],
          [
            ['director', 'eth1'],
            ['switch', 'director'],
          ],
        ]
      : [
          [
            ['client', 'eth0'],
            ['switch', 'client'],
          ],
          [
            ['director', 'eth0'],
            ['switch', 'director'],
          ],
        ]
  return [
    ...front,
    ...servers.map(({ name }) => [
      [name, 'eth0'],
      ['switch', name],
    ]),
  ]
}

/** What a real server needs beside its address. */
function serverCommands({ forwarding, ipv6, director, vip, host, network }, address) {
  if (forwarding === 'masquerading') return [`route add default via ${director.back}`]
  const commands = [`address add ${vip}/${host} dev lo`, `route add ${network} dev eth0`]
  if (forwarding === 'tunneling') {
    // No remote address: it takes what any director sends.
    const type = ipv6 ? 'ip6tnl mode ip6ip6' : 'ipip'
    commands.push(`link add tunnel type ${type} local ${address}`, 'link set tunnel up')
  }
  return commands
}

/** Commands of `ip` for a namespace whose interfaces are up. */
function commandsFor(network, name, interfaces) {
  const { client, director, vip, servers, length } = network
  const address = (text, device) => `address add ${text}/${length} dev ${device}`
  switch (name) {
    case 'client':
      return [address(client, 'eth0')]
    case 'director':
      return [
        address(director.front, 'eth0'),
        address(vip, 'eth0'),
        address(director.back, interfaces.at(-1)),
      ]
    case 'switch':
      return [
        'link add bridge type bridge mcast_snooping 0',
        'link set bridge up',
        ...interfaces.map((port) => `link set ${port} master bridge`),
      ]
    default: {
      const server = servers.find((candidate) => candidate.name === name)
      return [address(server.address, 'eth0'), ...serverCommands(network, server.address)]
    }
  }
}

/** Builds the network in namespaces that `stage` makes. */
export function build(stage, network) {
  stage.create(network.names)
  const wired = wires(network)
  connect(wired)
  for (const name of network.names) {
    const interfaces = wired.flat().flatMap(([where, device]) => (where === name ? [device] : []))
    configure(name, {
      settings: settings(network, name, interfaces),
      // `lo` too: IPVS takes no IPv4 address of a real server before that was up.
      commands: [
        ...['lo', ...interfaces].map((device) => `link set ${device} up`),
        ...commandsFor(network, name, interfaces),
      ],
    })
  }
}

/** The link-layer address to which the client sends what is for the virtual address, and the director's. */
export function whoHasTheVip({ vip }) {
  const read = (name, ...args) => JSON.parse(ipIn(name, '-json', ...args))
  const [neighbour] = read('client', 'neighbour', 'show', 'to', vip)
  const [link] = read('director', 'link', 'show', 'eth0')
  return { used: neighbour?.lladdr, director: link.address }
}
