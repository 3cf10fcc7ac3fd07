// The table of a snapshot in the form of `ipvsadm -Ln` and `ipvsadm -Ln --stats`, byte for byte.
// SPDX-License-Identifier: MIT
//
// Of ipvsadm's output, what the demo's own table needs: services by address, without persistence.

const forwards = {
  masquerading: 'Masq',
  tunneling: 'Tunnel',
  'direct-routing': 'Route',
  local: 'Local',
}

const endpoint = ({ family, address, port }) =>
  family === 'ipv6' ? `[${address}]:${port}` : `${address}:${port}`

/** Five counters in nine columns each; from 100 million on in thousands, and so on (print_largenum). */
function counters({ conns, inPkts, outPkts, inBytes, outBytes }) {
  const units = [
    [100_000_000n, 1n, ''],
    [1_000_000_000n, 1_000n, 'K'],
    [100_000_000_000n, 1_000_000n, 'M'],
    [100_000_000_000_000n, 1_000_000_000n, 'G'],
  ]
  const text = (value) => {
    const [, divisor, unit] = units.find(([limit]) => value < limit) ?? [0n, 1_000_000_000_000n, 'T']
    return `${value / divisor}${unit}`.padStart(9)
  }
  return [conns, inPkts, outPkts, inBytes, outBytes].map(text).join('')
}

/** An address as 32-bit words. */
function words({ family, address }) {
  if (family === 'ipv4') return [address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0)]
  const [head, tail] = address.split('::').map((part) => part.split(':').filter(Boolean))
  const groups =
    tail === undefined ? head : [...head, ...Array(8 - head.length - tail.length).fill('0'), ...tail]
  return [0, 2, 4, 6].map((i) => Number.parseInt(groups[i] + groups[i + 1].padStart(4, '0'), 16))
}

/** ipvsadm's order: family, protocol, address, port; it subtracts in 32 bits, and so does this. */
function byEndpoint(a, b) {
  if (a.family !== b.family) return a.family === 'ipv4' ? -1 : 1
  if (a.protocol !== b.protocol) return a.protocol === 'tcp' ? -1 : 1
  const other = words(b)
  const differences = words(a).map((word, i) => (word - other[i]) | 0)
  return differences.find((difference) => difference !== 0) ?? a.port - b.port
}

const plain = {
  title: [
    'Prot LocalAddress:Port Scheduler Flags',
    '  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn',
  ],
  service: (name, { scheduler }) => `${name} ${scheduler}`,
  destination: (name, { forwarding, weight, activeConns, inactiveConns }) =>
    [
      `  -> ${name.padEnd(28)}`,
      forwards[forwarding].padEnd(7),
      `${weight}`.padEnd(6),
      `${activeConns}`.padEnd(10),
      `${inactiveConns}`.padEnd(10),
    ].join(' '),
}

const withStats = {
  title: [
    `${'Prot LocalAddress:Port'.padEnd(33)}    Conns   InPkts  OutPkts  InBytes OutBytes`,
    '  -> RemoteAddress:Port',
  ],
  service: (name, { stats }) => name.padEnd(33) + counters(stats),
  destination: (name, { stats }) => `  -> ${name.padEnd(28)}${counters(stats)}`,
}

/** The text that ipvsadm would print for this reading of info() and snapshot(). */
export function formatTable({ version, connectionTableSize }, { services }, { stats = false } = {}) {
  const style = stats ? withStats : plain
  const lines = [`IP Virtual Server version ${version} (size=${connectionTableSize})`, ...style.title]
  for (const service of services.toSorted(byEndpoint)) {
    lines.push(style.service(`${service.protocol.toUpperCase()}  ${endpoint(service)}`, service))
    for (const destination of service.destinations.toSorted(byEndpoint)) {
      lines.push(style.destination(endpoint(destination), destination))
    }
  }
  return `${lines.join('\n')}\n`
}
