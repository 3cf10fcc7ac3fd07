// The options of ipvsadm(8), and those that only this package has: one row each, for parser, usage and completion.
// SPDX-License-Identifier: MIT

/** The word that says what a line does: the first option of it. */
export type CommandName =
  | 'add-service'
  | 'edit-service'
  | 'delete-service'
  | 'clear'
  | 'restore'
  | 'save'
  | 'add-server'
  | 'edit-server'
  | 'delete-server'
  | 'list'
  | 'zero'
  | 'set'
  | 'start-daemon'
  | 'stop-daemon'
  | 'help'
  | 'version'

/** What an option is stored under: options that exclude each other share a slot. */
export type Slot =
  | 'service'
  | 'scheduler'
  | 'persistent'
  | 'netmask'
  | 'real-server'
  | 'forwarding'
  | 'weight'
  | 'u-threshold'
  | 'l-threshold'
  | 'mcast-interface'
  | 'syncid'
  | 'mcast-group'
  | 'mcast-port'
  | 'mcast-ttl'
  | 'sync-maxlen'
  | 'numeric'
  | 'connection'
  | 'timeout'
  | 'daemon'
  | 'stats'
  | 'rate'
  | 'thresholds'
  | 'persistent-conn'
  | 'nosort'
  | 'sort'
  | 'exact'
  | 'ipv6'
  | 'ops'
  | 'pe'
  | 'sched-flags'
  | 'tun-info'
  | 'tun-type'
  | 'tun-port'
  | 'tun-nocsum'
  | 'tun-csum'
  | 'tun-remcsum'
  | 'tun-flags'
  | 'force'
  | 'netns'
  | 'json'

export interface Option {
  readonly name: string
  /** Letters that stand for it. */
  readonly short: string
  /** What its argument is; '' for none, `[x]` for one that may be left out. */
  readonly argument: string
  readonly help: string
  /** Of what the line does; or where the option is stored. */
  readonly command?: CommandName
  readonly slot?: Slot
  /** Not of ipvsadm, and allowed with every command. */
  readonly everywhere?: boolean
}

const command = (name: CommandName, short: string, help: string, argument = ''): Option => ({
  name,
  short,
  argument,
  help,
  command: name,
})

const option = (
  name: string,
  short: string,
  argument: string,
  help: string,
  slot = name as Slot,
): Option => ({
  name,
  short,
  argument,
  help,
  slot,
})

export const commandOptions: readonly Option[] = [
  command('add-service', 'A', 'add a virtual service'),
  command('edit-service', 'E', 'replace all settings of a virtual service'),
  command('delete-service', 'D', 'delete a virtual service with its real servers'),
  command('clear', 'C', 'delete everything'),
  command('restore', 'R', 'carry out the lines of the standard input'),
  command('save', 'S', 'print the table as lines for -R'),
  command('add-server', 'a', 'add a real server to a service'),
  command('edit-server', 'e', 'replace all settings of a real server'),
  command('delete-server', 'd', 'delete a real server'),
  command('list', 'Ll', 'print the table'),
  command('zero', 'Z', 'set the counters of a service, or of all, to zero'),
  command('set', '', 'TCP TCPFIN UDP: set idle timeouts in seconds; 0 keeps one'),
  command('start-daemon', '', 'start a connection synchronisation daemon', 'master|backup'),
  command('stop-daemon', '', 'stop it', 'master|backup'),
  command('help', 'h', 'print this'),
  command('version', 'v', 'print the version'),
]

export const serviceOptions: readonly Option[] = [
  option('tcp-service', 't', 'address[:port]', 'TCP service', 'service'),
  option('udp-service', 'u', 'address[:port]', 'UDP service', 'service'),
  option('sctp-service', '', 'address[:port]', 'SCTP service', 'service'),
  option('fwmark-service', 'f', 'mark', 'service of packets with this firewall mark', 'service'),
  option(
    'protocol-service',
    '',
    'number/address[:port]',
    'service of another protocol, which the kernel stores but never serves',
    'service',
  ),
  option('ipv6', '6', '', 'the firewall mark is that of IPv6 packets'),
]

export const settingOptions: readonly Option[] = [
  option(
    'scheduler',
    's',
    'name',
    'rr, wrr, lc, wlc (default), lblc, lblcr, dh, sh, sed, nq, fo, ovf, mh, …',
  ),
  option(
    'sched-flags',
    'b',
    'flags',
    'flags of the scheduler, with commas: fallback, port, flag-1 to flag-3',
  ),
  option('persistent', 'p', '[seconds]', 'a client keeps its server (360)'),
  option('netmask', 'M', 'mask', 'clients that persistence takes for one; IPv6: prefix length'),
  option('pe', '', 'name', 'persistence engine: sip'),
  option('ops', 'o', '', 'schedule each datagram by itself'),
  option('force', '', '', 'also what cannot work: port 0 without -p, -o on TCP'),
]

export const serverOptions: readonly Option[] = [
  option('real-server', 'r', 'address[:port]', 'real server; by default the port of the service'),
  option('gatewaying', 'g', '', 'direct routing (default)', 'forwarding'),
  option('ipip', 'i', '', 'tunneling', 'forwarding'),
  option('masquerading', 'm', '', 'masquerading (NAT)', 'forwarding'),
  option('forwarding', '', 'method', 'by its name: also local, bypass; leaves the port alone', 'forwarding'),
  option('weight', 'w', 'number', '0 (no new connections) to 2147483647 (1)'),
  option('u-threshold', 'x', 'connections', 'at so many the server gets no new ones'),
  option('l-threshold', 'y', 'connections', 'below so many it gets new ones again'),
  option('tun-type', '', 'type', 'encapsulation: ipip (default), gue, gre'),
  option('tun-port', '', 'port', 'UDP port of gue'),
  option('tun-nocsum', '', '', 'no checksum outside (default)'),
  option('tun-csum', '', '', 'checksum outside'),
  option('tun-remcsum', '', '', 'remote checksum offload (gue)'),
  option('tun-flags', '', 'number', 'checksum flags that have no name'),
]

export const listOptions: readonly Option[] = [
  option('numeric', 'n', '', 'addresses and ports as numbers'),
  option('stats', '', '', 'counters'),
  option('rate', '', '', 'rates'),
  option('exact', 'X', '', 'numbers in full'),
  option('thresholds', '', '', 'thresholds'),
  option('persistent-conn', '', '', 'persistent connections; with -c: data of the engine'),
  option('tun-info', '', '', 'tunnels'),
  option('connection', 'c', '', 'the connections instead'),
  option('timeout', '', '', 'the idle timeouts instead'),
  option('daemon', '', '', 'the synchronisation daemons instead'),
  option('nosort', '', '', 'in the order of the kernel'),
  option('sort', '', '', 'sorted (default)'),
]

export const daemonOptions: readonly Option[] = [
  option('syncid', '', 'id', '0 to 255 (0)'),
  option('sync-maxlen', '', 'bytes', 'largest message (as the interface allows)'),
  option('mcast-interface', '', 'name', 'network interface (eth0)'),
  option('mcast-group', '', 'address', 'multicast group (224.0.0.81)'),
  option('mcast-port', '', 'port', 'UDP port (8848)'),
  option('mcast-ttl', '', 'hops', 'time to live (1)'),
]

export const everywhereOptions: readonly Option[] = [
  { ...option('netns', '', 'name|path', 'network namespace; a name is one of /run/netns'), everywhere: true },
  { ...option('json', '', '', 'print JSON'), everywhere: true },
]

export const allOptions: readonly Option[] = [
  commandOptions,
  serviceOptions,
  settingOptions,
  serverOptions,
  listOptions,
  daemonOptions,
  everywhereOptions,
].flat()

interface Terms {
  readonly needs: readonly Slot[]
  readonly takes: ReadonlySet<Slot>
  /** At most one of these. */
  readonly oneOf: readonly Slot[]
}

const terms = (needs: readonly Slot[], takes: readonly Slot[] = [], oneOf: readonly Slot[] = []): Terms => ({
  needs,
  takes: new Set<Slot>([...needs, ...takes, ...oneOf, 'sort', 'netns', 'json']),
  oneOf,
})

const settings = terms(
  ['service'],
  ['ipv6', 'scheduler', 'persistent', 'netmask', 'ops', 'pe', 'sched-flags', 'force'],
)
const tunnel: readonly Slot[] = ['tun-type', 'tun-port', 'tun-nocsum', 'tun-csum', 'tun-remcsum', 'tun-flags']
const server = terms(
  ['service', 'real-server'],
  ['ipv6', 'forwarding', 'weight', 'u-threshold', 'l-threshold', ...tunnel],
)

/** What each command needs and takes. */
export const termsOf: Readonly<Record<CommandName, Terms>> = {
  'add-service': settings,
  'edit-service': settings,
  'delete-service': terms(['service'], ['ipv6']),
  clear: terms([]),
  restore: terms([]),
  save: terms([], ['numeric']),
  'add-server': server,
  'edit-server': server,
  'delete-server': terms(['service', 'real-server'], ['ipv6']),
  list: terms(
    [],
    [
      'ipv6',
      'numeric',
      'stats',
      'rate',
      'thresholds',
      'persistent-conn',
      'nosort',
      'syncid',
      'exact',
      'tun-info',
    ],
    ['connection', 'service', 'timeout', 'daemon'],
  ),
  zero: terms([], ['service', 'ipv6']),
  set: terms([]),
  'start-daemon': terms(
    [],
    ['mcast-interface', 'syncid', 'mcast-group', 'mcast-port', 'mcast-ttl', 'sync-maxlen'],
  ),
  'stop-daemon': terms([], ['syncid']),
  help: terms([]),
  version: terms([]),
}
