// What doctor() is asked, what it finds, and what the checks are given.
// SPDX-License-Identifier: MIT

import type { Where } from '../files.js'
import type { Network } from '../network.js'
import type { Sysctls } from '../sysctls-table.js'
import type { DaemonStatus, SnapshotService } from '../types.js'

/**
 * - `error`: traffic is refused, lost, or will be at the next takeover.
 * - `warning`: some clients are harmed, or all of them under load.
 * - `notice`: worth knowing; may be meant.
 */
export type Severity = 'error' | 'warning' | 'notice'

/** What a finding is about. */
export type FindingId =
  /** `lo` is down: the kernel refuses IPv4 real servers. */
  | 'loopback-down'
  /** The director has no route to itself for a VIP. */
  | 'vip-missing'
  /** Masquerading, but replies are not forwarded. */
  | 'no-forwarding'
  /** A direct-routing server stands behind a gateway. */
  | 'gateway-between'
  /** Strict reverse path filtering drops what clients send. */
  | 'reverse-path-filter'
  /** A full packet of a client does not fit into the tunnel. */
  | 'tunnel-mtu'
  /** Directors that share a VIP would choose different servers. */
  | 'directors-disagree'
  /** A director that takes over refuses the connections of the other. */
  | 'takeover-refused'
  /** ICMP errors that come to another director are lost. */
  | 'icmp-not-scheduled'
  /** A kernel of this machine has no module of a scheduler that is in use. */
  | 'scheduler-missing'
  /** Persistent clients stay with a quiesced server. */
  | 'quiesced-persistence'
  /** A port that is used again costs the client a second. */
  | 'port-reuse-delay'
  /** A port that is used again goes to the server of before, though it is quiesced. */
  | 'port-reuse-old-server'
  /** Many connections in each bucket. */
  | 'connection-table-small'
  /** Adding up counters and rates takes much time. */
  | 'estimation-cost'
  /** Counters and rates stand still. */
  | 'estimation-off'
  /** Stateful rules do not see masqueraded connections. */
  | 'conntrack-untracked'
  /** Conntrack is about to refuse connections. */
  | 'conntrack-full'
  /** A real server answers ARP, or neighbour solicitations, for a VIP. */
  | 'vip-answers-arp'
  /** A real server names a VIP as its own in ARP requests. */
  | 'vip-in-arp-requests'

/** Something that is wrong around IPVS on this machine. */
export interface Finding {
  /** Of what kind it is. */
  readonly id: FindingId
  /** How bad it is. */
  readonly severity: Severity
  /** What was seen: sysctls, files, addresses and links, each with its value. */
  readonly evidence: readonly string[]
  /** What becomes of it. */
  readonly consequence: string
  /**
   * The shell command that cures it, run as root in the same network namespace; `ipvs` is the command of this package.
   * Sysctls that are to survive a reboot go into /etc/sysctl.d, too.
   */
  readonly cure: string
  /** What the cure costs, or the other side of a trade; absent where there is none. */
  readonly price?: string
}

/** From where on something is found. */
export interface DoctorLimits {
  /** Connections for each bucket of the connection table. Default 2. */
  readonly connectionsPerBucket: number
  /** Part of nf_conntrack_max that is in use, 0..1. Default 0.9. */
  readonly conntrackFill: number
  /** Counters that are read every two seconds: services and real servers, times processors. Default 1,000,000. */
  readonly estimatorReads: number
}

export interface DoctorOptions extends Where {
  /**
   * Other directors have the same VIPs (ECMP, anycast, keepalived): they have to choose alike, and a VIP may be absent
   * here while another director has it. Default false; running synchronisation daemons imply it.
   */
  readonly shared?: boolean | undefined
  /**
   * Examines this machine as a real server of these VIPs, with direct routing or tunneling, instead of as a director;
   * IPVS need not be there.
   */
  readonly realServerOf?: readonly string[] | undefined
  /** Schedulers that are going to be used, beside those that are. */
  readonly schedulers?: readonly string[] | undefined
  /** From where on something is found; what is not named keeps its default. */
  readonly limits?: Partial<DoctorLimits> | undefined
}

/** A scheduler and a kernel of this machine. */
export interface SchedulerFact {
  readonly scheduler: string
  readonly kernel: string
  readonly running: boolean
  /** False where the lists of modules lack it. */
  readonly listed: boolean
  /** The module's file, where there is one all the same. */
  readonly file: string | undefined
}

/** All that the checks know: nothing else is read. */
export interface Facts {
  /** As `uname -r` prints it. */
  readonly kernel: string
  /** True where another namespace than the process's own is examined. */
  readonly elsewhere: boolean
  readonly shared: boolean
  /** The VIPs of a real server; empty on a director. */
  readonly realServerOf: readonly string[]
  readonly services: readonly SnapshotService[]
  readonly daemons: readonly DaemonStatus[]
  /** Buckets; 0 on a real server. */
  readonly connectionTableSize: number
  /** Processors that the kernel keeps counters for. */
  readonly processors: number
  readonly sysctls: Sysctls
  /** Other sysctls, by their full names. */
  readonly settings: ReadonlyMap<string, string>
  readonly network: Network
  readonly schedulers: readonly SchedulerFact[]
  readonly limits: DoctorLimits
}

export type Check = (facts: Facts) => readonly Finding[]
