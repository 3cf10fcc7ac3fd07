// Checks of the network around a director: VIPs, forwarding, filters, gateways, and what fits into a tunnel.
// SPDX-License-Identifier: MIT

import { bytesOf, parseAddress } from '../address.js'
import type { Link, LinkAddress } from '../network.js'
import { confOf } from '../sysctls.js'
import type { DestinationStatus, Family } from '../types.js'
import { OUTSIDE } from './facts.js'
import { addAddress, editServer, isOwn, seen, serverName, servers, some } from './say.js'
import type { Check, Facts, Finding } from './types.js'

export const loopbackDown: Check = ({ network }) =>
  network.links
    .filter(({ loopback, up }) => loopback && !up)
    .map(({ name }) => ({
      id: 'loopback-down',
      severity: 'error',
      evidence: [`link ${name} is down`],
      consequence: 'the kernel refuses every IPv4 real server, with EINVAL',
      cure: `ip link set ${name} up`,
    }))

const vipsOf = ({ services }: Facts): readonly { readonly address: string; readonly family: Family }[] => {
  const found = new Map<string, Family>()
  for (const { address, family } of services) if (address !== undefined) found.set(address, family)
  return [...found].map(([address, family]) => ({ address, family }))
}

const contains = ({ address: own, prefixLength }: LinkAddress, address: string): boolean => {
  const [left, right] = [own, address].map((text) => bytesOf(parseAddress(text)!)) as [Uint8Array, Uint8Array]
  if (left.length !== right.length) return false
  for (let bit = 0; bit < prefixLength; bit += 8) {
    const mask = (0xff00 >> Math.min(8, prefixLength - bit)) & 0xff
    if (((left[bit >> 3]! ^ right[bit >> 3]!) & mask) !== 0) return false
  }
  return true
}

/** The way to everywhere. */
const defaultLink = ({ network }: Facts, family: Family): Link | undefined =>
  network.routes.get(OUTSIDE[family])?.link

/** Where a VIP belongs: on the link of its network, else on that of the default route. */
const linkFor = (facts: Facts, address: string, family: Family): string => {
  const near = facts.network.addresses.find((own) => !own.link.loopback && contains(own, address))
  return (near?.link ?? defaultLink(facts, family))?.name ?? 'lo'
}

export const vipMissing: Check = (facts) => {
  if (facts.shared || facts.daemons.length > 0) return []
  return vipsOf(facts)
    .filter(({ address }) => !isOwn(facts, address))
    .map(({ address, family }) => ({
      id: 'vip-missing',
      severity: 'error',
      evidence: [`${address} is no address of this director`],
      consequence: 'nobody answers ARP for it, and IPVS does not see packets that are not for an own address',
      cure: addAddress(address, linkFor(facts, address, family)),
      price: 'where keepalived or another program moves the VIP, leave it to that',
    }))
}

const FORWARD = { ipv4: 'net.ipv4.ip_forward', ipv6: 'net.ipv6.conf.all.forwarding' } as const

/**
 * What lets a real server's replies pass. IPv4: the setting of the link that they come in on (ip_route_input_slow());
 * ip_forward only sets that of all links. IPv6: the one of all links (ip6_forward()).
 */
const forwardingFor = ({ network }: Facts, { address, family }: DestinationStatus): string => {
  const link = network.routes.get(address)?.link
  return family === 'ipv6' || link === undefined ? FORWARD[family] : confOf('ipv4', link.name, 'forwarding')
}

/** Replies are routed like any packet; on their way in nothing is: ip_vs_nat_xmit() sends as a host does. */
export const noForwarding: Check = (facts) =>
  (['ipv4', 'ipv6'] as const).flatMap((family): Finding[] => {
    const stuck = servers(facts)
      .filter(({ server }) => server.family === family && server.forwarding === 'masquerading')
      .filter(({ server }) => facts.network.routes.get(server.address)?.type !== 'local')
      .filter(({ server }) => facts.settings.get(forwardingFor(facts, server)) === '0')
    if (stuck.length === 0) return []
    const off = new Set<string>(stuck.map(({ server }) => forwardingFor(facts, server)))
    const all = FORWARD[family]
    const isOff = facts.settings.get(all) === '0'
    if (isOff) off.add(all)
    return [
      {
        id: 'no-forwarding',
        severity: 'error',
        evidence: [
          ...[...off].map((sysctl) => seen(facts, sysctl)),
          `masqueraded: ${some(stuck.map(({ service, server }) => serverName(service, server)))}`,
        ],
        consequence:
          'replies of the real servers are not forwarded to the clients: no connection is established',
        cure: `sysctl -w ${(isOff ? [all] : [...off]).map((sysctl) => `${sysctl}=1`).join(' ')}`,
      },
    ]
  })

export const gatewayBetween: Check = (facts) =>
  servers(facts).flatMap(({ service, server }): Finding[] => {
    const route = facts.network.routes.get(server.address)
    if (server.forwarding !== 'direct-routing' || route?.gateway === undefined) return []
    return [
      {
        id: 'gateway-between',
        severity: 'error',
        evidence: [
          `${serverName(service, server)}: direct-routing`,
          `the way to ${server.address} goes through ${route.gateway} on ${route.link?.name}`,
        ],
        consequence:
          'the packet still has the VIP as its destination, so that the gateway sends it to a director again, ' +
          'not to the server',
        cure: editServer(service, { ...server, forwarding: 'tunneling', tunnel: { type: 'ipip' } }),
        price: 'the real server needs a tunnel link (ipip) that is up, and the VIP',
      },
    ]
  })

/** The value in force for a link: the greater of its own and that of `all`. */
export const effective = ({ settings }: Facts, link: string, setting: string): number =>
  Math.max(...[link, 'all'].map((name) => Number(settings.get(confOf('ipv4', name, setting)) ?? 0)))

const STRICT = 1

export const filterFinding = (
  facts: Facts,
  link: string,
  evidence: string,
  consequence: string,
): Finding => ({
  id: 'reverse-path-filter',
  severity: 'error',
  evidence: [
    evidence,
    seen(facts, confOf('ipv4', 'all', 'rp_filter')),
    seen(facts, confOf('ipv4', link, 'rp_filter')),
  ],
  consequence,
  // The greater of the two holds: 2, a loose check, is above what `all` may say.
  cure: `sysctl -w ${confOf('ipv4', link, 'rp_filter')}=2`,
})

export const isStrict = (facts: Facts, link: string): boolean =>
  effective(facts, link, 'rp_filter') === STRICT

/** Clients come in by the link of the VIP; strict filtering wants the way back to be the same. */
export const reversePathFilter: Check = (facts) => {
  const out = defaultLink(facts, 'ipv4')
  const vips = new Set(vipsOf(facts).map(({ address }) => address))
  const links = new Map<string, string>()
  for (const { link, address, family } of facts.network.addresses) {
    const isFront = !link.loopback && link.arp && family === 'ipv4' && vips.has(address)
    if (isFront && out !== undefined && out.name !== link.name) links.set(link.name, address)
  }
  return [...links]
    .filter(([link]) => isStrict(facts, link))
    .map(([link, vip]) => ({
      ...filterFinding(
        facts,
        link,
        `${vip} is on ${link}, the default route goes through ${out!.name}`,
        `packets for the VIP from clients beyond the networks of ${link} are dropped: the way back to them is another`,
      ),
      severity: 'warning',
    }))
}

/** Bytes that the encapsulation takes, outer IP header included. */
const overhead = ({ family, tunnel }: DestinationStatus): number => {
  const header = family === 'ipv6' ? 40 : 20
  const checksum = tunnel?.checksum ?? 'none'
  if (tunnel?.type === 'gre') return header + 4 + (checksum === 'none' ? 0 : 4)
  if (tunnel?.type === 'gue') return header + 8 + 4 + (checksum === 'remote' ? 8 : 0)
  return header
}

/** Where clients come in: the link of the VIP, or where that is a dummy or `lo`, that of the default route. */
const frontOf = (facts: Facts, vip: string | undefined, family: Family): Link | undefined => {
  const own = facts.network.addresses.find(({ address }) => address === vip)?.link
  return own === undefined || own.loopback || !own.arp ? defaultLink(facts, family) : own
}

/**
 * The largest packet of a client. Where clients come in by the link that the tunnel goes out on, its MTU tells nothing of
 * them, for it may have been enlarged for the tunnel alone: they are taken to have Ethernet's.
 */
const largest = (front: Link, link: Link): number => (front.name === link.name ? 1500 : front.mtu)

interface Narrow {
  readonly need: number
  readonly link: Link
  readonly front: Link
  readonly names: readonly string[]
  readonly bytes: number
}

export const tunnelMtu: Check = (facts) => {
  const worst = new Map<string, Narrow>()
  for (const { service, server } of servers(facts)) {
    const link = facts.network.routes.get(server.address)?.link
    const front = frontOf(facts, service.address, service.family)
    if (server.forwarding !== 'tunneling' || link === undefined || front === undefined || link.loopback)
      continue
    const bytes = overhead(server)
    const need = largest(front, link) + bytes
    if (link.mtu >= need) continue
    const known = worst.get(link.name)
    const names = [...(known?.names ?? []), serverName(service, server)]
    worst.set(
      link.name,
      known !== undefined && known.need > need ? { ...known, names } : { need, link, front, names, bytes },
    )
  }
  const fragments = facts.sysctls.pmtu_disc === 0
  return [...worst.values()].map(({ need, link, front, names, bytes }) => ({
    id: 'tunnel-mtu',
    severity: 'warning',
    evidence: [
      `link ${link.name}: mtu ${link.mtu}, of which the tunnel takes ${bytes}`,
      front.name === link.name
        ? `clients come in on it as well: packets of up to ${largest(front, link)}`
        : `link ${front.name}, where clients come in: mtu ${front.mtu}`,
      `tunneled: ${some(names)}`,
    ],
    consequence: fragments
      ? `packets of clients above ${link.mtu - bytes} bytes are sent in fragments`
      : `packets of clients above ${link.mtu - bytes} bytes are refused with an ICMP error; where a firewall drops ` +
        'that, uploads hang',
    cure: `ip link set dev ${link.name} mtu ${need}`,
    price: `the network behind it has to carry that; otherwise let the real servers announce an MSS of at most ${link.mtu - bytes - 40} (ip route … advmss)`,
  }))
}
