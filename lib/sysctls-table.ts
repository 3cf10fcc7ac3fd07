// Every sysctl of IPVS: what it means, its default and range, and the kernel that brought it.
// SPDX-License-Identifier: MIT

/** What is known of a sysctl. */
export interface SysctlInfo {
  /** What the kernel starts with; null where it computes that from the machine. */
  readonly default: number | string | readonly [number, number] | null
  /** Least and greatest value that means something; null for text. The kernel takes more of most. */
  readonly range: readonly [number, number] | null
  /** The Linux that brought it; `2.6.12` is the oldest that is told apart. */
  readonly since: string
  /** In a few words. */
  readonly meaning: string
}

const MOST = 2_147_483_647
/** Of what the kernel keeps as jiffies, whatever its HZ. */
const MOST_SECONDS = 2_147_483

const flag = (initial: 0 | 1, since: string, meaning: string): SysctlInfo => ({
  default: initial,
  range: [0, 1],
  since,
  meaning,
})
const number = (
  initial: number | null,
  least: number,
  most: number,
  since: string,
  meaning: string,
): SysctlInfo => ({ default: initial, range: [least, most], since, meaning })

/** Modes of the three defences. */
const DEFENCE = '0 never, 1 when memory is short (2: it is now), 3 always'

/** By their names under net.ipv4.vs; Documentation/networking/ipvs-sysctl.rst and ip_vs_ctl.c of Linux. */
export const sysctls: Readonly<Record<SysctlName, SysctlInfo>> = {
  am_droprate: number(10, 1, MOST, '2.6.12', 'with drop_packet 3, one packet in so many is dropped'),
  amemthresh: number(1024, 0, MOST, '2.6.12', 'pages of free memory below which the defences begin'),
  backup_only: flag(0, '3.9', 'do not schedule while a backup daemon runs here: no loops between directors'),
  cache_bypass: flag(0, '2.6.12', 'without a server, send the packet to where it was meant to go'),
  conn_lfactor: number(
    null,
    -8,
    8,
    '7.1',
    'when the connection table grows: at 2^n connections a bucket, less is larger',
  ),
  conn_max: number(null, 0, 2 ** 30, '7.2', 'connections above which new ones are refused'),
  conn_reuse_mode: number(
    1,
    0,
    3,
    '4.1',
    'a SYN of a port used before: 0 goes to the server it had; 1 is scheduled anew after TIME_WAIT or CLOSE; 2 ' +
      'also after FIN_WAIT, the last that is seen of a connection whose replies take another way',
  ),
  conntrack: flag(0, '2.6.37', 'keep conntrack entries of connections, for stateful rules and NAT rules'),
  debug_level: number(0, 0, 12, '2.6.12', 'kernel log; only of a kernel with CONFIG_IP_VS_DEBUG'),
  drop_entry: number(0, 0, 3, '2.6.12', `drop half-open connections at random: ${DEFENCE}`),
  drop_packet: number(0, 0, 3, '2.6.12', `drop some packets of new connections: ${DEFENCE}`),
  est_cpulist: {
    default: null,
    range: null,
    since: '6.2',
    meaning: 'processors that may add up counters and rates; empty stops that',
  },
  est_nice: number(0, -20, 19, '6.2', 'priority of the threads that add up counters and rates'),
  expire_nodest_conn: flag(
    0,
    '2.6.12',
    'connections of a deleted server end (Linux 5.9: at once), else their packets are dropped until it is back',
  ),
  expire_quiescent_template: flag(
    0,
    '2.6.12',
    'a persistent client whose server is quiesced gets another one',
  ),
  ignore_tunneled: flag(0, '4.4', 'do not schedule what arrives in a tunnel, where the director serves too'),
  lblc_expiration: number(
    86_400,
    1,
    MOST_SECONDS,
    '2.6.12',
    'lblc: seconds until an unused entry is forgotten',
  ),
  lblcr_expiration: number(
    86_400,
    1,
    MOST_SECONDS,
    '2.6.12',
    'lblcr: seconds until an unused entry is forgotten',
  ),
  nat_icmp_send: flag(
    0,
    '2.6.12',
    'masquerading: answer a server whose connection is not known with an ICMP error',
  ),
  pmtu_disc: flag(
    1,
    '3.7',
    'refuse packets too large for the way to the server; 0 fragments those of tunnels',
  ),
  run_estimation: flag(1, '5.16', 'add up counters and rates; 0 leaves both as they are'),
  schedule_icmp: flag(
    0,
    '4.4',
    'an ICMP error about a connection that is not known goes to the server that its packets would get',
  ),
  secure_tcp: number(0, 0, 3, '2.6.12', `stricter and shorter TCP states: ${DEFENCE}`),
  sloppy_sctp: flag(0, '3.11', 'any SCTP packet begins a connection, as after a takeover'),
  sloppy_tcp: flag(0, '3.11', 'any TCP packet but a RST begins a connection, as after a takeover'),
  snat_reroute: flag(1, '2.6.37', 'masquerading: look the route of a reply up again with its new source'),
  svc_lfactor: number(
    -3,
    -8,
    8,
    '7.1',
    'when the table of services grows: at 2^n services a bucket, less is larger',
  ),
  sync_persist_mode: flag(0, '3.11', 'synchronise only the templates of persistent services'),
  sync_ports: number(1, 1, 64, '3.5', 'threads and UDP ports for synchronisation, a power of two'),
  sync_qlen_max: number(
    null,
    0,
    Number.MAX_SAFE_INTEGER,
    '3.5',
    'synchronisation messages that may wait; the default follows the memory',
  ),
  sync_refresh_period: number(0, 0, MOST_SECONDS, '3.5', 'seconds between two messages about one connection'),
  sync_retries: number(0, 0, 3, '3.5', 'how often a message is sent again, sync_refresh_period / 8 apart'),
  sync_sock_size: number(
    0,
    0,
    MOST,
    '3.5',
    'socket buffer of synchronisation in bytes; 0 is the default of the system',
  ),
  sync_threshold: {
    default: [3, 50],
    range: [0, MOST],
    since: '2.6.12',
    meaning: 'two numbers: a connection is synchronised at packet THRESHOLD of every PERIOD',
  },
  sync_version: number(1, 0, 1, '2.6.38', 'format of synchronisation messages'),
}

/** A sysctl by its name under net.ipv4.vs. */
export type SysctlName =
  | 'am_droprate'
  | 'amemthresh'
  | 'backup_only'
  | 'cache_bypass'
  | 'conn_lfactor'
  | 'conn_max'
  | 'conn_reuse_mode'
  | 'conntrack'
  | 'debug_level'
  | 'drop_entry'
  | 'drop_packet'
  | 'est_cpulist'
  | 'est_nice'
  | 'expire_nodest_conn'
  | 'expire_quiescent_template'
  | 'ignore_tunneled'
  | 'lblc_expiration'
  | 'lblcr_expiration'
  | 'nat_icmp_send'
  | 'pmtu_disc'
  | 'run_estimation'
  | 'schedule_icmp'
  | 'secure_tcp'
  | 'sloppy_sctp'
  | 'sloppy_tcp'
  | 'snat_reroute'
  | 'svc_lfactor'
  | 'sync_persist_mode'
  | 'sync_ports'
  | 'sync_qlen_max'
  | 'sync_refresh_period'
  | 'sync_retries'
  | 'sync_sock_size'
  | 'sync_threshold'
  | 'sync_version'

/** What a sysctl is read as, and set to. */
export type SysctlValue<Name extends SysctlName> = Name extends 'sync_threshold'
  ? readonly [threshold: number, period: number]
  : Name extends 'est_cpulist'
    ? string
    : number

/** Values by name; a name is missing where the kernel has no such sysctl, or the value is not known. */
export type Sysctls = { readonly [Name in SysctlName]?: SysctlValue<Name> | undefined }
