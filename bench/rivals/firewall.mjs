// Services as firewall rules, as kube-proxy made them: eight rules in four chains for a service with two endpoints.
// SPDX-License-Identifier: MIT
import { PORT, serverKey, serviceKey } from '../operations.mjs'

const names = (index) => ({
  service: `SVC-${index}`,
  endpoints: [1, 2].map((place) => ({
    chain: `SEP-${index}-${place}`,
    address: serverKey(index, place).address,
  })),
})

/** New chains and rules of a service, as arguments of iptables -t nat. */
export function iptablesRules(index) {
  const { service, endpoints } = names(index)
  const match = `-d ${serviceKey(index).address}/32 -p tcp -m tcp --dport ${PORT}`
  return [
    ...[service, ...endpoints.map(({ chain }) => chain)].map((chain) => `-N ${chain}`),
    `-A SERVICES ! -s 10.0.0.0/8 ${match} -j MARK-MASQ`,
    `-A SERVICES ${match} -j ${service}`,
    `-A ${service} -m statistic --mode random --probability 0.5 -j ${endpoints[0].chain}`,
    `-A ${service} -j ${endpoints[1].chain}`,
    ...endpoints.flatMap(({ chain, address }) => [
      `-A ${chain} -s ${address}/32 -j MARK-MASQ`,
      `-A ${chain} -p tcp -m tcp -j DNAT --to-destination ${address}:${PORT}`,
    ]),
  ]
}

const frame = [
  ...['-N SERVICES', '-N MARK-MASQ', '-A PREROUTING -j SERVICES', '-A OUTPUT -j SERVICES'],
  '-A MARK-MASQ -j MARK --set-xmark 0x4000/0x4000',
]

/** For iptables-restore: the rules of services `from` up to, not including, `to`. */
export function iptablesTable(from, to) {
  const lines = from === 0 ? [...frame] : []
  for (let i = from; i < to; i++) lines.push(...iptablesRules(i))
  const chains = lines.filter((line) => line.startsWith('-N')).map((line) => `:${line.slice(3)} - [0:0]`)
  const rules = lines.filter((line) => line.startsWith('-A'))
  return `*nat\n${[...chains, ...rules].join('\n')}\nCOMMIT\n`
}

const nftFrame = `add table ip nat
add chain ip nat SERVICES
add chain ip nat MARK-MASQ
add chain ip nat PREROUTING { type nat hook prerouting priority dstnat; }
add rule ip nat PREROUTING jump SERVICES
add rule ip nat MARK-MASQ meta mark set mark or 0x4000
`

/** The same for nft -f. */
export function nftTable(from, to) {
  const lines = []
  for (let i = from; i < to; i++) {
    const { service, endpoints } = names(i)
    const match = `ip daddr ${serviceKey(i).address} tcp dport ${PORT}`
    for (const chain of [service, ...endpoints.map((endpoint) => endpoint.chain)])
      lines.push(`add chain ip nat ${chain}`)
    lines.push(`add rule ip nat SERVICES ip saddr != 10.0.0.0/8 ${match} jump MARK-MASQ`)
    lines.push(`add rule ip nat SERVICES ${match} jump ${service}`)
    lines.push(`add rule ip nat ${service} numgen random mod 2 0 jump ${endpoints[0].chain}`)
    lines.push(`add rule ip nat ${service} jump ${endpoints[1].chain}`)
    for (const { chain, address } of endpoints) {
      lines.push(`add rule ip nat ${chain} ip saddr ${address} jump MARK-MASQ`)
      lines.push(`add rule ip nat ${chain} meta l4proto tcp dnat to ${address}:${PORT}`)
    }
  }
  return `${from === 0 ? nftFrame : ''}${lines.join('\n')}\n`
}
