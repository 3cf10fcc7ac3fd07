// Checks of a real server with direct routing or tunneling: it has the VIP, and keeps it to itself.
// SPDX-License-Identifier: MIT

import { isIPv6 } from 'node:net'
import type { Link } from '../network.js'
import { confOf } from '../sysctls.js'
import { effective, filterFinding, isStrict } from './network.js'
import { addAddress, isOwn, seen } from './say.js'
import type { Check, Facts, Finding } from './types.js'

export const vipMissingHere: Check = (facts) =>
  facts.realServerOf
    .filter((vip) => !isOwn(facts, vip))
    .map((vip) => ({
      id: 'vip-missing',
      severity: 'error',
      evidence: [`${vip} is no address of this real server`],
      consequence: 'what the director sends here for the VIP is not taken, or is sent away again',
      cure: addAddress(vip, 'lo'),
    }))

/** Links on which neighbours ask. */
const asked = ({ network }: Facts): readonly Link[] =>
  network.links.filter(({ up, arp, loopback }) => up && arp && !loopback)

const move = (vip: string, prefixLength: number, link: string): string =>
  `ip address del ${vip}/${prefixLength} dev ${link} && ${addAddress(vip, 'lo')}`

/** Where the VIP is an address of the link itself, nothing but arp_ignore 3 and above keeps it silent. */
const onLink = (facts: Facts, vip: string, link: Link): Finding[] =>
  facts.network.addresses
    .filter((own) => own.link.name === link.name && own.address === vip)
    .filter(({ family }) => family === 'ipv6' || effective(facts, link.name, 'arp_ignore') < 3)
    .map(({ prefixLength, family }) => ({
      id: 'vip-answers-arp',
      severity: 'error',
      evidence: [`${vip}/${prefixLength} is an address of link ${link.name}`],
      consequence:
        `this server answers ${family === 'ipv6' ? 'neighbour solicitations' : 'ARP'} for the VIP, so that clients ` +
        'come here past the director',
      cure: move(vip, prefixLength, link.name),
    }))

const ARP_ALL = 'net.ipv4.conf.all'

export const vipAnswersArp: Check = (facts) =>
  facts.realServerOf.flatMap((vip) => {
    if (!isOwn(facts, vip)) return []
    const direct = asked(facts).flatMap((link) => onLink(facts, vip, link))
    if (direct.length > 0 || isIPv6(vip)) return direct
    return asked(facts)
      .filter(({ name }) => effective(facts, name, 'arp_ignore') === 0)
      .slice(0, 1)
      .map(({ name }) => ({
        id: 'vip-answers-arp' as const,
        severity: 'error' as const,
        evidence: [
          seen(facts, `${ARP_ALL}.arp_ignore`),
          seen(facts, confOf('ipv4', name, 'arp_ignore')),
          `${vip} is an address of this machine`,
        ],
        consequence: `this server answers ARP for the VIP on ${name}, so that clients come here past the director`,
        cure: `sysctl -w ${ARP_ALL}.arp_ignore=1`,
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

export const tunnelFilter: Check = (facts) =>
  facts.realServerOf.length === 0
    ? []
    : facts.network.links
        .filter(({ type, up, name }) => tunnels.includes(type) && up && isStrict(facts, name))
        .map(({ name }) =>
          filterFinding(
            facts,
            name,
            `link ${name} is a tunnel`,
            'packets of clients come out of the tunnel, and the way back to them is another link: all are dropped',
          ),
        )
