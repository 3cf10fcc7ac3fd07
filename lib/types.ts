// The public types: what is sent and what is read back, in the field's words.
// SPDX-License-Identifier: MIT

/** Transport protocol of a virtual service (sctp since Linux 2.6.34). */
export type Protocol = 'tcp' | 'udp' | 'sctp'

/** A protocol number that IPVS stores but never serves; read back so that such a service can be seen and deleted. */
export type ForeignProtocol = `protocol-${number}`

/** Address family, as text. */
export type Family = 'ipv4' | 'ipv6'

/**
 * How packets reach the real server (ipvsadm -m, -i, -g; IP_VS_CONN_F_FWD_MASK in <linux/ip_vs.h>).
 * - `masquerading`: the director rewrites the destination; replies must come back through it.
 * - `tunneling`: packets are encapsulated (see {@link Tunnel}); replies go straight to the client.
 * - `direct-routing`: only the link-layer address is rewritten; replies go straight to the client.
 * - `local`: the director itself serves. Whatever the method says, the kernel delivers to its own addresses itself.
 * - `bypass`: packets go to their original destination.
 */
export type Forwarding = 'masquerading' | 'tunneling' | 'direct-routing' | 'local' | 'bypass'

/**
 * A scheduler flag. `fallback` and `port` are the names that the schedulers sh, mh, msh, maglev and hrw give to
 * flag-1 and flag-2 (ipvsadm -b sh-fallback,sh-port); for every other scheduler use the numbers.
 * Since Linux 3.11 (mh: 4.18).
 */
export type SchedulerFlag = 'fallback' | 'port' | 'flag-1' | 'flag-2' | 'flag-3'

/** A virtual service named by protocol, address and port (ipvsadm -t, -u, --sctp-service). */
export interface AddressServiceKey {
  readonly protocol: Protocol | ForeignProtocol
  /** IPv4 or IPv6 address in text, no zone id. */
  readonly address: string
  /** 0..65535. 0 means every port and needs persistence. */
  readonly port: number
  readonly fwmark?: undefined
}

/** A virtual service named by the firewall mark of its packets (ipvsadm -f). One mark holds a service per family. */
export interface MarkServiceKey {
  /** 1..2^32-1. */
  readonly fwmark: number
  /** Default `ipv4`. */
  readonly family?: Family
  readonly protocol?: undefined
  readonly address?: undefined
  readonly port?: undefined
}

/** The identity of a virtual service: an address service or a firewall mark. */
export type ServiceKey = AddressServiceKey | MarkServiceKey

/** Persistence: a client keeps its real server (ipvsadm -p, -M, --pe). */
export interface Persistence {
  /** Seconds that a client's template outlives its last connection, 1..4294967. Default 360, as ipvsadm. */
  readonly timeout?: number
  /**
   * Which clients count as one. IPv4: dotted mask ('255.255.255.0') or prefix length 1..32, default
   * '255.255.255.255'; IPv6: prefix length 1..128, default 128.
   */
  readonly netmask?: string | number
  /**
   * Persistence engine by its name, 1..15 bytes; in tree there is `sip`, for UDP. Default none; null removes it on
   * edit. Since Linux 2.6.37.
   */
  readonly engine?: string | null
}

/** What can be set on a virtual service beside its identity. */
export interface ServiceSettings {
  /** Scheduler by its name (`rr`, `wrr`, `lc`, `wlc`, `sh`, `mh`, …), 1..15 bytes, or `none`. Default `wlc`. */
  readonly scheduler?: string
  /** Default none. On edit: replaces all three flags. */
  readonly schedulerFlags?: readonly SchedulerFlag[]
  /** Default none; null switches it off on edit. */
  readonly persistence?: Persistence | null
  /** Schedule each datagram by itself (ipvsadm -o); UDP only. Default false. */
  readonly onePacket?: boolean
}

/** A virtual service to add. */
export type Service = ServiceKey & ServiceSettings

/** The identity of a real server within its service. */
export interface DestinationKey {
  /** IPv4 or IPv6 address in text; may differ in family from the service when tunneling (Linux 3.18). */
  readonly address: string
  /** 0..65535. Default: the service's port (0 for a firewall mark). */
  readonly port?: number
}

/** Encapsulation used with `forwarding: 'tunneling'` (ipvsadm --tun-type, --tun-port, --tun-nocsum …). */
export interface Tunnel {
  /** Default `ipip`. `gue` since Linux 5.2, `gre` since 5.3. */
  readonly type?: 'ipip' | 'gue' | 'gre'
  /** UDP port of GUE, 1..65535; needed with `gue`, refused with the others. */
  readonly port?: number
  /** Checksum of the outer header with gue or gre: none (default), plain, or remote offload (gue). Since Linux 5.3. */
  readonly checksum?: 'none' | 'plain' | 'remote'
}

/** What can be set on a real server beside its identity. */
export interface DestinationSettings {
  /** Default `direct-routing`, as ipvsadm. */
  readonly forwarding?: Forwarding
  /** 0..2147483647, default 1. 0 quiesces: existing connections live on, new ones go elsewhere. */
  readonly weight?: number
  /** Above this many connections the server gets no new ones; 0 (default) is no limit. At most 2147483647. */
  readonly upperThreshold?: number
  /** Below this many it gets new ones again; 0 (default) is three quarters of the upper. At most the upper. */
  readonly lowerThreshold?: number
  /** Only with `tunneling`. Default IPIP. */
  readonly tunnel?: Tunnel
}

/** A real server to add. */
export type Destination = DestinationKey & DestinationSettings

/**
 * Counters and estimated rates. The kernel adds its per-processor counters up every 2 seconds; until then the old
 * sums are read. Counters are 64 bits wide since Linux 4.1, packets and connections 32 before.
 */
export interface Stats {
  readonly conns: bigint
  readonly inPkts: bigint
  readonly outPkts: bigint
  readonly inBytes: bigint
  readonly outBytes: bigint
  /** Connections per second, estimated by the kernel every 2 seconds. */
  readonly cps: number
  readonly inPps: number
  readonly outPps: number
  /** Bytes (not bits) per second. */
  readonly inBps: number
  readonly outBps: number
}

/** A virtual service as the kernel has it. */
export type ServiceStatus = (
  | (Required<Pick<AddressServiceKey, 'protocol' | 'address' | 'port'>> & { readonly fwmark?: undefined })
  | {
      readonly fwmark: number
      readonly protocol?: undefined
      readonly address?: undefined
      readonly port?: undefined
    }
) & {
  readonly family: Family
  readonly scheduler: string
  readonly schedulerFlags: readonly SchedulerFlag[]
  /** null also where the kernel keeps an engine or a netmask of a service that is not persistent: it uses neither. */
  readonly persistence: {
    readonly timeout: number
    /** Dotted mask for IPv4, prefix length for IPv6. */
    readonly netmask: string | number
    readonly engine?: string
  } | null
  readonly onePacket: boolean
  readonly stats: Stats
}

/** A real server as the kernel has it. */
export interface DestinationStatus {
  readonly address: string
  readonly port: number
  readonly family: Family
  /** `method-5` to `method-7` stand for values that the kernel stores and nobody defined. */
  readonly forwarding: Forwarding | `method-${number}`
  readonly weight: number
  readonly upperThreshold: number
  readonly lowerThreshold: number
  /** Present when tunneling; `port` and `checksum` only where they have a meaning. */
  readonly tunnel?: {
    readonly type: 'ipip' | 'gue' | 'gre' | `type-${number}`
    readonly port?: number
    readonly checksum?: 'none' | 'plain' | 'remote' | `flags-${number}`
  }
  /** Connections in a state that counts as active, other connections, and persistence templates. */
  readonly activeConns: number
  readonly inactiveConns: number
  readonly persistentConns: number
  readonly stats: Stats
}

/** A connection synchronisation daemon to start (ipvsadm --start-daemon). */
export interface Daemon {
  readonly state: 'master' | 'backup'
  /** Network interface that carries the multicast, 1..15 bytes. */
  readonly interface: string
  /** 0..255; a backup takes messages of its own id only (0: of every). Default 0. */
  readonly syncId?: number
  /** Largest sync message in bytes, 1..65535. Default: what the interface's MTU allows. Since Linux 4.3. */
  readonly maxLength?: number
  /** Multicast group, IPv4 or IPv6. Default 224.0.0.81. Since Linux 4.3. */
  readonly group?: string
  /** UDP port, 1..65535. Default 8848. Since Linux 4.3. */
  readonly port?: number
  /** Time to live of the multicast, 1..255. Default 1. Since Linux 4.3. */
  readonly ttl?: number
}

/** A running daemon. What the kernel did not tell (before Linux 4.3) is absent. */
export type DaemonStatus = Pick<Daemon, 'state' | 'interface' | 'maxLength' | 'group' | 'port' | 'ttl'> & {
  readonly syncId: number
}

/** Idle timeouts of connections, in seconds (ipvsadm --set). */
export interface Timeouts {
  /** Established TCP; the kernel's default is 900. */
  readonly tcp: number
  /** TCP after a FIN; 120. */
  readonly tcpFin: number
  /** UDP; 300. */
  readonly udp: number
}

export interface Info {
  /** Version of IPVS, such as '1.2.1': the same in every kernel of the last decade. */
  readonly version: string
  /** Buckets of the connection table; since Linux 7.1 its current size. */
  readonly connectionTableSize: number
}

/** A service of a snapshot, with its real servers. */
export type SnapshotService = ServiceStatus & { readonly destinations: readonly DestinationStatus[] }

export interface Snapshot {
  readonly services: readonly SnapshotService[]
  /**
   * True when two readings in a row found the same services. False when the table kept changing: each
   * service listed did exist, none is listed twice, but one that others added meanwhile may be missing.
   */
  readonly stable: boolean
}

/** Options of every call. */
export interface CallOptions {
  /** Drops the call when it was not sent yet; once sent it is carried out, and the promise tells how it went. */
  readonly signal?: AbortSignal
}

/** Options of calls that add or edit. */
export interface WriteOptions extends CallOptions {
  /**
   * Send what the kernel accepts but can hardly serve (such as direct routing to another port). Default false:
   * it is refused with a RangeError. What the wire format cannot express is refused either way.
   */
  readonly force?: boolean
}
