// Checks of what the kernel's settings do to connections: ports used again, quiesced servers, conntrack, tables.
// SPDX-License-Identifier: MIT

import { before } from '../kernel-version.js'
import { nameOfStatus } from '../objects.js'
import { mayBeTcp, seen, serverName, serverOptions, servers, some } from './say.js'
import type { Check, Facts, Finding } from './types.js'

export const quiescedPersistence: Check = (facts) => {
  const names = servers(facts)
    .filter(({ service, server }) => service.persistence !== null && server.weight === 0)
    .map(({ service, server }) => serverName(service, server))
  if (names.length === 0 || facts.sysctls.expire_quiescent_template !== 0) return []
  return [
    {
      id: 'quiesced-persistence',
      severity: 'warning',
      evidence: ['net.ipv4.vs.expire_quiescent_template = 0', `weight 0, persistent: ${some(names)}`],
      consequence: 'known clients keep coming to the quiesced server, so that it may never be empty',
      cure: 'sysctl -w net.ipv4.vs.expire_quiescent_template=1',
      price: 'their next connection goes to another server, which may not know their session',
    },
  ]
}

const hasTcp = ({ services }: Facts): boolean => services.some(mayBeTcp)

/**
 * Linux 5.9 (f0a5e4d7a594) reschedules such a connection at once where conntrack has made a new entry; before, the SYN
 * was dropped so that the entry could end. Stable trees took that in August 2020, which a release does not tell.
 */
const FIXED = '5.9'

export const portReuseDelay: Check = (facts) => {
  const { conntrack = 0, conn_reuse_mode: mode } = facts.sysctls
  if (mode === undefined || mode === 0 || conntrack === 0) return []
  if (!before(facts.kernel, FIXED) || !hasTcp(facts)) return []
  return [
    {
      id: 'port-reuse-delay',
      severity: 'warning',
      evidence: [
        `kernel ${facts.kernel}`,
        `net.ipv4.vs.conn_reuse_mode = ${mode}`,
        `net.ipv4.vs.conntrack = ${conntrack}`,
      ],
      consequence:
        `before Linux ${FIXED} the SYN of a port that was used a short time ago is dropped: the client connects a ` +
        'second later (unless the vendor has taken the correction, as stable kernels did in August 2020)',
      cure: 'sysctl -w net.ipv4.vs.conn_reuse_mode=0',
      price:
        'such a connection goes to the server of before then, also where that is quiesced or dead; without that price: ' +
        `Linux ${FIXED}, or net.ipv4.vs.conntrack=0 where no rule needs it`,
    },
  ]
}

export const portReuseOldServer: Check = (facts) => {
  const { conntrack = 0, conn_reuse_mode: mode } = facts.sysctls
  if (mode !== 0 || !hasTcp(facts)) return []
  const quiesced = servers(facts).filter(({ service, server }) => mayBeTcp(service) && server.weight === 0)
  const base = {
    id: 'port-reuse-old-server',
    severity: 'warning',
    consequence:
      'a client that uses a port again comes to the server of before: also to one that is quiesced, or dead and ' +
      'quiesced by its health check, which therefore never drains',
  } as const
  const evidence = [`kernel ${facts.kernel}`, 'net.ipv4.vs.conn_reuse_mode = 0']
  if (conntrack === 0 || !before(facts.kernel, FIXED)) {
    return [{ ...base, evidence, cure: 'sysctl -w net.ipv4.vs.conn_reuse_mode=1' }]
  }
  // 0 is the better side of the trade here, as long as nobody waits for a server to drain.
  return quiesced.map(({ service, server }) => ({
    ...base,
    evidence: [
      ...evidence,
      `net.ipv4.vs.conntrack = ${conntrack}`,
      `weight 0: ${serverName(service, server)}`,
    ],
    cure: `ipvs drain ${serverOptions(service, server)} --deadline 600`,
    price:
      'what is left after 600 s is cut; the other way is conn_reuse_mode=1, which before Linux ' +
      `${FIXED} costs such a client a second`,
  }))
}

const connectionsOf = (facts: Facts): number =>
  servers(facts).reduce(
    (sum, { server }) => sum + server.activeConns + server.inactiveConns + server.persistentConns,
    0,
  )

/**
 * The most that the kernel takes as conn_tab_bits: 27 since Linux 6.5 and in stable trees since 2023, which a release does
 * not tell, but a larger table does; before, 20. Of more than it takes it makes its default, 12.
 */
const mostBits = ({ kernel, connectionTableSize: size }: Facts): number =>
  size > 2 ** 20 || !before(kernel, '6.5') ? 27 : 20

/**
 * Up to Linux 7.0 all namespaces share one table of 2^conn_tab_bits buckets. Since 7.1 each has its own, which grows by
 * itself at 2^conn_lfactor connections a bucket, up to that size.
 */
export const connectionTableSmall: Check = (facts) => {
  const { connectionTableSize: size, limits, sysctls } = facts
  const factor = sysctls.conn_lfactor
  const meant = Math.max(limits.connectionsPerBucket, factor === undefined ? 0 : 2 ** factor)
  const connections = connectionsOf(facts)
  const bits = Math.min(mostBits(facts), Math.ceil(Math.log2(connections)))
  if (size === 0 || connections <= meant * size || 2 ** bits <= size) return []
  return [
    {
      id: 'connection-table-small',
      severity: 'warning',
      evidence: [
        factor === undefined
          ? `${size} buckets (conn_tab_bits of ip_vs is ${Math.log2(size)})`
          : `${size} buckets, grown no further (conn_tab_bits of ip_vs limits that; conn_lfactor is ${factor})`,
        `${connections} connections`,
      ],
      consequence: `every packet is compared with ${(connections / size).toFixed(1)} connections in the mean`,
      cure: `echo options ip_vs conn_tab_bits=${bits} > /etc/modprobe.d/ipvs-conn-tab-bits.conf`,
      price:
        'takes effect when the module is loaded again: at the next boot, or after the table was saved and cleared',
    },
  ]
}

export const conntrackUntracked: Check = (facts) => {
  const tracked = Number(facts.settings.get('net.netfilter.nf_conntrack_count') ?? 0)
  const names = servers(facts)
    .filter(({ server }) => server.forwarding === 'masquerading')
    .map(({ service }) => nameOfStatus(service))
  if (tracked === 0 || names.length === 0 || facts.sysctls.conntrack !== 0) return []
  return [
    {
      id: 'conntrack-untracked',
      severity: 'notice',
      evidence: [
        'net.ipv4.vs.conntrack = 0',
        seen(facts, 'net.netfilter.nf_conntrack_count'),
        `masqueraded: ${some([...new Set(names)])}`,
      ],
      consequence:
        'netfilter tracks connections here, but not those of IPVS: for stateful rules their packets are untracked or ' +
        'invalid, and NAT rules do not change them',
      cure: 'sysctl -w net.ipv4.vs.conntrack=1',
      price: 'an entry of conntrack for each connection; without such rules for IPVS, leave it',
    },
  ]
}

export const conntrackFull: Check = (facts) => {
  const [count, most] = ['nf_conntrack_count', 'nf_conntrack_max'].map((name) =>
    Number(facts.settings.get(`net.netfilter.${name}`) ?? 0),
  ) as [number, number]
  if (count === 0 || most === 0 || count < facts.limits.conntrackFill * most) return []
  // The limit belongs to the machine: other namespaces can but read it.
  const inside = facts.elsewhere ? 'nsenter --net=/proc/1/ns/net ' : ''
  const finding: Finding = {
    id: 'conntrack-full',
    severity: 'warning',
    evidence: ['nf_conntrack_count', 'nf_conntrack_max'].map((name) => seen(facts, `net.netfilter.${name}`)),
    consequence: 'at the limit the packets of new connections are dropped ("nf_conntrack: table full")',
    cure: `${inside}sysctl -w net.netfilter.nf_conntrack_max=${2 ** Math.ceil(Math.log2(count * 2))}`,
    price: 'some 300 bytes of memory an entry',
  }
  return [finding]
}
