// Checks of a real server with direct routing or tunneling: it has the VIP, and keeps it to itself.
// SPDX-License-Identifier: MIT

import { isIPv6 } from 'node:net'
import type { Link } from '../network.js'
import { SCOPE_HOST } from '../route/abi.js'
import { confOf } from '../sysctls.js'
import { effective, filterFinding, isStrict } from './network.js'
import { addAddress, isOwn, seen } from './say.js'
import type { Check, Facts, Finding } from './types.js'

/** Not by `ip address add` alone: from then on the machine would answer ARP for the VIP. */
const takeVip = (vip: string): string => `ipvs real-server add ${vip}`

export const vipMissingHere: Check = (facts) =>
  facts.realServerOf
    .filter((vip) => !isOwn(facts, vip))
    .map((vip) => ({
      id: 'vip-missing',
      severity: 'error',
      evidence: [`${vip} is no address of this real server`],
      consequence: 'what the director sends here for the VIP is not taken, or is sent away again',
      cure: takeVip(vip),
    }))

/** Links on which neighbours ask. */
const asked = ({ network }: Facts): readonly Link[] =>
  network.links.filter(({ up, arp, loopback }) => up && arp && !loopback)

/** Whether ARP for the VIP is answered on a link: arp_ignore() of net/ipv4/arp.c, where 4 to 7 mean nothing. */
const isAnswered = (facts: Facts, vip: string, link: string): boolean => {
  const places = facts.network.addresses.filter(({ address }) => address === vip)
  switch (effective(facts, link, 'arp_ignore')) {
    case 1:
    case 2:
      return places.some((place) => place.link.name === link)
    case 3:
      return places.some(({ scope }) => scope < SCOPE_HOST)
    case 8:
      return false
    default:
      return true
  }
}

/** Where the VIP is an address of the link itself; neighbour solicitations are always answered then. */
const onLink = (facts: Facts, vip: string, link: Link): Finding[] =>
  facts.network.addresses
    .filter((own) => own.link.name === link.name && own.address === vip)
    .filter(({ family }) => family === 'ipv6' || isAnswered(facts, vip, link.name))
    .map(({ prefixLength, family }) => ({
      id: 'vip-answers-arp',
      severity: 'error',
      evidence: [`${vip}/${prefixLength} is an address of link ${link.name}`],
      consequence:
        `this server answers ${family === 'ipv6' ? 'neighbour solicitations' : 'ARP'} for the VIP, so that clients ` +
        'come here past the director',
      cure: `${takeVip(vip)} && ip address del ${vip}/${prefixLength} dev ${link.name}`,
    }))

const ARP_ALL = 'net.ipv4.conf.all'

export const vipAnswersArp: Check = (facts) =>
  facts.realServerOf.flatMap((vip) => {
    if (!isOwn(facts, vip)) return []
    const direct = asked(facts).flatMap((link) => onLink(facts, vip, link))
    if (direct.length > 0 || isIPv6(vip)) return direct
    const loud = asked(facts).filter(({ name }) => isAnswered(facts, vip, name))
    // The greater one of the two holds, so that what is above 1 has to go.
    const settings = loud
      .map(({ name }) => confOf('ipv4', name, 'arp_ignore'))
      .filter((sysctl) => Number(facts.settings.get(sysctl)) > 1)
    return loud.slice(0, 1).map(({ name }) => ({
      id: 'vip-answers-arp' as const,
      severity: 'error' as const,
      evidence: [
        seen(facts, `${ARP_ALL}.arp_ignore`),
        seen(facts, confOf('ipv4', name, 'arp_ignore')),
        `${vip} is an address of this machine`,
      ],
      consequence: `this server answers ARP for the VIP on ${name}, so that clients come here past the director`,
      cure: `sysctl -w ${[`${ARP_ALL}.arp_ignore`, ...settings].map((sysctl) => `${sysctl}=1`).join(' ')}`,
    }))
  })

export const vipInArpRequests: Check = (facts) => {
  const vip = facts.realServerOf.find((each) => !isIPv6(each) && isOwn(facts, each))
  const link = asked(facts).find(({ name }) => effective(facts, name, 'arp_announce') < 2)
  if (vip === undefined || link === undefined) return []
  return [
    {
      id: 'vip-in-arp-requests',
      severity: 'error',
      evidence: [
        seen(facts, `${ARP_ALL}.arp_announce`),
        seen(facts, confOf('ipv4', link.name, 'arp_announce')),
        `${vip} is an address of this machine`,
      ],
      consequence:
        'replies to clients have the VIP as their source, and so have the ARP requests for them: the router learns ' +
        'that the VIP is here, and sends clients past the director',
      cure: `sysctl -w ${ARP_ALL}.arp_announce=2`,
    },
  ]
}

/** ARPHRD_TUNNEL, ARPHRD_TUNNEL6, ARPHRD_IPGRE, ARPHRD_IP6GRE of <linux/if_arp.h>. */
const tunnels: readonly number[] = [768, 769, 778, 823]
/** Of the module ip6_tunnel: takes IPv6 alone. */
const IPV6_ONLY = 'ip6tnl0'

/**
 * rp_filter is about IPv4. A link without an address of that family is filtered by whatever value: `no_addr` of
 * __fib_validate_source(), net/ipv4/fib_frontend.c.
 */
export const tunnelFilter: Check = (facts) => {
  const vip = facts.realServerOf.find((each) => !isIPv6(each))
  if (vip === undefined) return []
  const bare = (link: string): boolean =>
    facts.network.addresses.every((own) => own.family !== 'ipv4' || own.link.name !== link)
  return facts.network.links
    .filter(({ type, up, name }) => tunnels.includes(type) && up && name !== IPV6_ONLY)
    .filter(({ name }) => isStrict(facts, name) || (effective(facts, name, 'rp_filter') > 0 && bare(name)))
    .map(({ name }) => {
      if (!bare(name)) {
        const consequence =
          'packets of clients come out of the tunnel, and the way back to them is another link: all are dropped'
        return filterFinding(facts, name, `link ${name} is a tunnel`, consequence)
      }
      const found = filterFinding(
        facts,
        name,
        `link ${name} is a tunnel, without an IPv4 address`,
        'packets of clients come out of the tunnel, and without an address even a loose filter drops them all',
      )
      return { ...found, cure: `${found.cure} && ${addAddress(vip, name)} scope host` }
    })
}
