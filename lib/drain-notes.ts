// Notes of a drain: what persistence, UDP, the scheduler and the kernel's settings make of a quiesced server.
// SPDX-License-Identifier: MIT

import { refusesQuiesced } from './quiesced.js'
import type { Sysctls } from './sysctls-table.js'
import type { DestinationStatus, ServiceStatus, Timeouts } from './types.js'

/** Something about this drain that a person should know: a code for programs, a text for people. */
export interface DrainNote {
  /**
   * - `last-server`: no other server of the service has a weight: new clients are refused.
   * - `persistent-clients`: persistence templates send their clients to the server as before.
   * - `datagrams`: flows of UDP count as inactive, and end only by their timeout.
   * - `scheduler-refuses`: the scheduler refuses the clients that hash to a quiesced server.
   * - `port-reuse`: clients that use a port again come back to the server.
   * - `connections-cut`: the server was deleted while it had connections.
   */
  readonly code:
    | 'last-server'
    | 'persistent-clients'
    | 'datagrams'
    | 'scheduler-refuses'
    | 'port-reuse'
    | 'connections-cut'
  /** One sentence, with the numbers and settings of the moment. */
  readonly text: string
}

/** What the notes are made of. */
export interface DrainFacts {
  readonly service: ServiceStatus
  readonly destination: DestinationStatus
  /** The other servers of the service. */
  readonly others: readonly DestinationStatus[]
  readonly timeouts: Timeouts
  readonly sysctls: Sysctls
  readonly deleted: boolean
}

type Rule = (facts: DrainFacts) => DrainNote | undefined

const WHERE = "of the director's network namespace"
const tell = (code: DrainNote['code'], text: string): DrainNote => ({ code, text })

const lastServer: Rule = ({ others, deleted }) =>
  !deleted && others.every(({ weight }) => weight === 0)
    ? tell('last-server', 'no other server of the service has a weight above 0: new clients are refused')
    : undefined

/** A template outlives its client's last connection by the timeout; at weight 0 no new ones are made. */
const persistentClients: Rule = ({ service, destination, sysctls, deleted }) => {
  const count = destination.persistentConns
  if (service.persistence === null || count === 0 || deleted) return undefined
  const end = `a template ends ${service.persistence.timeout} s after its client's last connection`
  const setting = 'net.ipv4.vs.expire_quiescent_template'
  const templates = `${count} persistence template${count === 1 ? '' : 's'}`
  if ((sysctls.expire_quiescent_template ?? 0) !== 0) {
    return tell(
      'persistent-clients',
      `${templates}: their clients go elsewhere with their next connection (${setting} is 1); ${end}`,
    )
  }
  const condition =
    sysctls.expire_quiescent_template === 0 ? `${setting} is 0` : `unless ${setting} ${WHERE} is 1`
  return tell(
    'persistent-clients',
    `${templates}: their clients keep coming to this server (${condition}); ${end}`,
  )
}

/** The kernel has no state of UDP in which a flow is active: ip_vs_proto_udp.c only winds up the timeout. */
const datagrams: Rule = ({ service, destination, timeouts }) => {
  const mayBeUdp = service.protocol === 'udp' || service.fwmark !== undefined
  if (!mayBeUdp || destination.inactiveConns === 0) return undefined
  return tell(
    'datagrams',
    `UDP flows count as inactive and end ${timeouts.udp} s after their last packet; a client that goes on sending ` +
      'from the same port stays with this server',
  )
}

const schedulerRefuses: Rule = ({ service, others, deleted }) => {
  if (!refusesQuiesced(service) || deleted || others.length === 0) return undefined
  const { scheduler } = service
  const remedy = scheduler === 'dh' ? '' : '; the scheduler flag fallback sends them elsewhere'
  return tell(
    'scheduler-refuses',
    `${scheduler} refuses the new clients that hash to this server until it is deleted${remedy}`,
  )
}

const portReuse: Rule = ({ service, sysctls, deleted }) =>
  sysctls.conn_reuse_mode === 0 && service.protocol !== 'udp' && !deleted
    ? tell(
        'port-reuse',
        'a client that uses a port again comes back to this server (net.ipv4.vs.conn_reuse_mode is 0)',
      )
    : undefined

const connectionsCut: Rule = ({ destination, sysctls, deleted }) => {
  const { activeConns, inactiveConns } = destination
  if (!deleted || activeConns + inactiveConns === 0) return undefined
  const setting = 'net.ipv4.vs.expire_nodest_conn'
  const dropped = 'their packets are dropped until the entries time out'
  const value = sysctls.expire_nodest_conn
  const fate =
    value === undefined
      ? `${dropped}, or with ${setting} ${WHERE} they end at once`
      : value === 0
        ? `${dropped} (${setting} is 0)`
        : `their entries end at once (${setting} is 1)`
  return tell(
    'connections-cut',
    `deleted with ${activeConns} active and ${inactiveConns} inactive connections: ${fate}`,
  )
}

const rules: readonly Rule[] = [
  lastServer,
  persistentClients,
  datagrams,
  schedulerRefuses,
  portReuse,
  connectionsCut,
]

/** What is to be said at this moment, what concerns new clients first. */
export const drainNotes = (facts: DrainFacts): readonly DrainNote[] =>
  rules.flatMap((rule) => rule(facts) ?? [])
