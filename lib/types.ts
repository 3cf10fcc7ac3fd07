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
  /** A {@link ForeignProtocol} names what is in the table already; it is added with `force` only. */
  readonly protocol: Protocol | ForeignProtocol
  /** IPv4 or IPv6 address in text, no zone id. */
  readonly address: string
  /** 0..65535. 0 means every port and needs persistence. */
  readonly port: number
  /** The address says it; where it is named it must agree. */
  readonly family?: Family | undefined
  /** Never beside an address. */
  readonly fwmark?: undefined
}

/** A virtual service named by the firewall mark of its packets (ipvsadm -f). One mark holds a service per family. */
export interface MarkServiceKey {
  /** 1..2^32-1. */
  readonly fwmark: number
  /** Default `ipv4`. */
  readonly family?: Family | undefined
  /** Never beside a mark. */
  readonly protocol?: undefined
  /** Never beside a mark. */
  readonly address?: undefined
  /** Never beside a mark. */
  readonly port?: undefined
}

/** The identity of a virtual service: an address service or a firewall mark. */
export type ServiceKey = AddressServiceKey | MarkServiceKey

/** Persistence: a client keeps its real server (ipvsadm -p, -M, --pe). */
export interface Persistence {
  /** Seconds that a client's template outlives its last connection, 1..4294967. Default 360, as ipvsadm. */
  readonly timeout?: number | undefined
  /**
   * Which clients count as one. IPv4: dotted mask ('255.255.255.0') or prefix length 1..32 (0 only with `force`),
   * default '255.255.255.255'; IPv6: prefix length 1..128, default 128.
   */
  readonly netmask?: string | number | undefined
  /**
   * Persistence engine by its name, 1..15 bytes; in tree there is `sip`, for UDP. Default none; null removes it on
   * edit. Since Linux 2.6.37.
   */
  readonly engine?: string | null | undefined
}

/** What can be set on a virtual service beside its identity. */
export interface ServiceSettings {
  /** Scheduler by its name (`rr`, `wrr`, `lc`, `wlc`, `sh`, `mh`, …), 1..15 bytes, or `none`. Default `wlc`. */
  readonly scheduler?: string | undefined
  /** Default none. On edit: replaces all three flags. */
  readonly schedulerFlags?: readonly SchedulerFlag[] | undefined
  /** Default none; null switches it off on edit. */
  readonly persistence?: Persistence | null | undefined
  /** Schedule each datagram by itself (ipvsadm -o); UDP only. Default false. */
  readonly onePacket?: boolean | undefined
}

/** A virtual service to add. */
export type Service = ServiceKey & ServiceSettings

/** The identity of a real server within its service. */
export interface DestinationKey {
  /** IPv4 or IPv6 address in text; may differ in family from the service when tunneling (Linux 3.18). */
  readonly address: string
  /** 0..65535. Default: the service's port (0 for a firewall mark). 0 keeps the port of the packet. */
  readonly port?: number | undefined
  /** The address says it; where it is named it must agree. */
  readonly family?: Family | undefined
}

/** What the kernel stores and nobody defined; read back as it is, and written only with `force`. */
export type ForeignForwarding = `method-${number}`

/** Encapsulation used with `forwarding: 'tunneling'` (ipvsadm --tun-type, --tun-port, --tun-nocsum …). */
export interface Tunnel {
  /** Default `ipip`. `gue` since Linux 5.2, `gre` since 5.3. */
  readonly type?: 'ipip' | 'gue' | 'gre' | `type-${number}` | undefined
  /** UDP port of GUE, 1..65535; needed with `gue`, refused with the others. */
  readonly port?: number | undefined
  /** Checksum of the outer header with gue or gre: none (default), plain, or remote offload (gue). Since Linux 5.3. */
  readonly checksum?: 'none' | 'plain' | 'remote' | `flags-${number}` | undefined
}

/** What can be set on a real server beside its identity. */
export interface DestinationSettings {
  /** Default `direct-routing`, as ipvsadm. */
  readonly forwarding?: Forwarding | ForeignForwarding | undefined
  /** 0..2147483647, default 1. 0 quiesces: existing connections live on, new ones go elsewhere. */
  readonly weight?: number | undefined
  /**
   * At this many connections, active and inactive, the server gets no new ones (ipvsadm -x). 0..2147483647; 0 (default)
   * is no limit.
   */
  readonly upperThreshold?: number | undefined
  /** Below this many it gets new ones again (ipvsadm -y). 0..`upperThreshold`; 0 (default) is three quarters of it. */
  readonly lowerThreshold?: number | undefined
  /** Only with `tunneling`. Default IPIP. On edit, what is not named is kept while the type stays the same. */
  readonly tunnel?: Tunnel | undefined
}

/** A real server to add. */
export type Destination = DestinationKey & DestinationSettings

/**
 * Counters and estimated rates. The kernel adds its per-processor counters up every 2 seconds; until then the old
 * sums are read. Counters are 64 bits wide since Linux 4.1, packets and connections 32 before.
 */
export interface Stats {
  /** Connections that were scheduled. */
  readonly conns: bigint
  /** Packets from clients. */
  readonly inPkts: bigint
  /** Packets of servers that came back through the director: 0 unless masquerading. */
  readonly outPkts: bigint
  /** Bytes from clients, headers of the network layer included. */
  readonly inBytes: bigint
  /** Bytes of servers that came back through the director: 0 unless masquerading. */
  readonly outBytes: bigint
  /** Connections per second, estimated by the kernel every 2 seconds. */
  readonly cps: number
  /** Packets per second from clients. */
  readonly inPps: number
  /** Packets per second of servers, see `outPkts`. */
  readonly outPps: number
  /** Bytes (not bits) per second from clients. */
  readonly inBps: number
  /** Bytes (not bits) per second of servers, see `outPkts`. */
  readonly outBps: number
}

/** The identity of an address service as the kernel has it. */
export interface AddressServiceName
  extends Required<Pick<AddressServiceKey, 'protocol' | 'address' | 'port'>> {
  /** Never beside an address. */
  readonly fwmark?: undefined
}

/** The identity of a service by firewall mark as the kernel has it. */
export type MarkServiceName = Omit<MarkServiceKey, 'family'>

/** Persistence as the kernel has it. */
export interface PersistenceStatus {
  /** Seconds. */
  readonly timeout: number
  /** Dotted mask for IPv4, prefix length for IPv6. */
  readonly netmask: string | number
  /** Absent where there is none. */
  readonly engine?: string
}

/** A virtual service as the kernel has it, without its identity. */
export interface ServiceFacts {
  /** Of clients and address. */
  readonly family: Family
  /** By its name; `none` where there is none. */
  readonly scheduler: string
  /** Those that are set. */
  readonly schedulerFlags: readonly SchedulerFlag[]
  /** null also where the kernel keeps an engine or a netmask of a service that is not persistent: it uses neither. */
  readonly persistence: PersistenceStatus | null
  /** Whether each datagram is scheduled by itself. */
  readonly onePacket: boolean
  /** Of all its real servers, and of those that were deleted. */
  readonly stats: Stats
}

/** A virtual service as the kernel has it. */
export type ServiceStatus = (AddressServiceName | MarkServiceName) & ServiceFacts

/** The encapsulation as the kernel has it; port and checksum only where the type has them. */
export interface TunnelStatus {
  /** `type-N` is one that this library does not know. */
  readonly type: NonNullable<Tunnel['type']>
  /** UDP port of GUE. */
  readonly port?: number
  /** Of GUE and GRE; `flags-N` is a combination that this library does not know. */
  readonly checksum?: NonNullable<Tunnel['checksum']>
}

/** A real server as the kernel has it. */
export interface DestinationStatus {
  /** In its usual spelling. */
  readonly address: string
  /** 0..65535. */
  readonly port: number
  /** Of the address; the service may have another when tunneling. */
  readonly family: Family
  /** How packets reach it. */
  readonly forwarding: Forwarding | ForeignForwarding
  /** 0 where it is quiesced. */
  readonly weight: number
  /** 0 where there is no limit. */
  readonly upperThreshold: number
  /** 0 stands for three quarters of the upper one. */
  readonly lowerThreshold: number
  /** Present when tunneling; `port` and `checksum` only where they have a meaning. */
  readonly tunnel?: TunnelStatus
  /** Connections in a state that counts as active: TCP and SCTP that are being set up or established. */
  readonly activeConns: number
  /** Other connections: half-closed and closed ones that are still remembered, and all of UDP. */
  readonly inactiveConns: number
  /** Persistence templates. */
  readonly persistentConns: number
  /** Of this server; those of a server that was deleted and added again within two minutes may go on. */
  readonly stats: Stats
}

/** A connection synchronisation daemon to start (ipvsadm --start-daemon). */
export interface Daemon {
  /** `master` sends what connections come and go, `backup` takes it; a director may run one of each. */
  readonly state: 'master' | 'backup'
  /** Network interface that carries the multicast, 1..15 bytes. */
  readonly interface: string
  /** 0..255; a backup takes messages of its own id only (0: of every). Default 0. */
  readonly syncId?: number | undefined
  /**
   * Largest sync message in bytes, 1..65535, cut by the kernel to what UDP and the MTU allow. Default: what the
   * interface's MTU allows. Since Linux 4.3.
   */
  readonly maxLength?: number | undefined
  /** Multicast group, IPv4 or IPv6. Default 224.0.0.81. Since Linux 4.3. */
  readonly group?: string | undefined
  /** UDP port, 1..65535. Default 8848. Since Linux 4.3. */
  readonly port?: number | undefined
  /** Time to live of the multicast, 1..255. Default 1. Since Linux 4.3. */
  readonly ttl?: number | undefined
}

/** A running daemon. What the kernel did not tell (before Linux 4.3) is absent. */
export type DaemonStatus = Pick<Daemon, 'state' | 'interface' | 'maxLength' | 'group' | 'port' | 'ttl'> & {
  /** 0..255. */
  readonly syncId: number
}

/** Idle timeouts of connections, in seconds (ipvsadm --set). */
export interface Timeouts {
  /** Established TCP. The kernel's default is 900. */
  readonly tcp: number
  /** TCP after a FIN. The kernel's default is 120. */
  readonly tcpFin: number
  /** UDP. The kernel's default is 300. */
  readonly udp: number
}

/** What the kernel says of itself. */
export interface Info {
  /** Version of IPVS, such as '1.2.1': the same in every kernel of the last decade. */
  readonly version: string
  /** Buckets of the connection table; since Linux 7.1 its current size. */
  readonly connectionTableSize: number
}

/** A service of a snapshot, with its real servers. */
export type SnapshotService = ServiceStatus & {
  /** In the kernel's order, newest first. */
  readonly destinations: readonly DestinationStatus[]
}

/** The whole table, see {@link Director.snapshot}. */
export interface Snapshot {
  /** In the kernel's order, which is nobody's. */
  readonly services: readonly SnapshotService[]
  /**
   * True when two readings in a row found the same services. False when the table kept changing: each
   * service listed did exist, none is listed twice, but one that others added meanwhile may be missing.
   * Settings and counters are those of the moment at which each service was read.
   */
  readonly stable: boolean
}

/** Options of every call. */
export interface CallOptions {
  /** Drops the call when it was not sent yet; once sent it is carried out, and the promise tells how it went. */
  readonly signal?: AbortSignal | undefined
}

/** Options of calls that add or edit. */
export interface WriteOptions extends CallOptions {
  /**
   * Send what the kernel accepts but can hardly serve (such as direct routing to another port). Default false:
   * it is refused with a RangeError. What the wire format cannot express is refused either way.
   */
  readonly force?: boolean | undefined
}
