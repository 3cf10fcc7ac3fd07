// Invocations that ipvs and ipvsadm are compared by, and where the two differ with the reason.
// SPDX-License-Identifier: MIT

/** What differs from ipvsadm, and is meant to. Unnamed aspects are the same. */
export interface Difference {
  /** Words of the man page's section DIFFERENCES. */
  readonly reason: string
  readonly status?: number
  /** Ours; `any` where only ipvsadm's text is its own. */
  readonly out?: string | 'any'
  /** Lines of `ipvsadm -Sn` that only one of the two tables has: ours, then ipvsadm's. */
  readonly ours?: readonly string[]
  readonly theirs?: readonly string[]
  /** A line of `ipvs save`, which says more than `ipvsadm -S`. */
  readonly saved?: string
}

export interface Case {
  readonly argv: readonly string[]
  readonly input?: string
  readonly differs?: Difference
}

export interface Scenario {
  readonly name: string
  /** Lines that both tables begin with. */
  readonly before: readonly string[]
  readonly cases: readonly Case[]
}

const same = (line: string): Case => ({ argv: line.split(' ').filter((word) => word !== '') })
const other = (line: string, differs: Difference): Case => ({ ...same(line), differs })
const restored = (input: string, differs?: Difference): Case => ({
  argv: ['-R'],
  input,
  ...(differs === undefined ? {} : { differs }),
})

const services: Scenario = {
  name: 'services',
  before: [],
  cases: [
    same('-A -t 192.0.2.1:80'),
    same('-A -t 192.0.2.1:80'),
    same('-A -t192.0.2.2:80 -s=rr'),
    same('--add-service --tcp-service=192.0.2.3:http --scheduler=sh -b sh-port,sh-fallback -p'),
    same('-At 192.0.2.4:80 -p300'),
    same('-Au 192.0.2.4:53 -p 60 -M 255.255.255.0 -o --pe sip'),
    same('-A --sctp-service 192.0.2.4:9 --scheduler lblcr'),
    same('-A -t 192.0.2.5:0 -p -s mh -b mh-port,mh-fallback'),
    same('-A -t 192.0.2.6:81 -s wrr -b flag-1,flag-3'),
    same('-A -f 7 -s rr'),
    same('-A -f 7 -6 -s rr -p 20 -M 64'),
    same('-A -f 8 -o'),
    same('-A -t [2001:db8::1]:80'),
    same('-A -t 2001:db8::2 -p'),
    same('-A -u [2001:db8::3]:53 -p 9 -M 128'),
    same('-A -t 10.1:80'),
    same('-A -t 0x0a000102:80'),
    same('-A -t localhost:8080'),
    same('-A -u 192.0.2.4:domain'),
    same('-A -t 192.0.2.5'),
    same('-A -f 0'),
    same('-A -f -4'),
    same('-A -t 192.0.2.1:99999'),
    same('-A -t 192.0.2.1:nosuch'),
    same('-A -t no-such-host.invalid:80'),
    same('-A -t 80'),
    same('-A -t -s rr'),
    { argv: ['-A', '-t', ''] },
    same('-A -t 192.0.2.9:80 -s nosuch'),
    same('-A -t 192.0.2.9:80 -o'),
    same('-A -t 192.0.2.9:80 -s'),
    same('-A -t 192.0.2.9:80 --wieght 5'),
    same('-A -t 192.0.2.9:80 -q'),
    same('-A -t 192.0.2.9:80 --persistent=abc'),
    same('-A -t 192.0.2.9:80 -p 0'),
    same('-A -t 192.0.2.9:80 --ops=3'),
    same('-A -t 192.0.2.9:80 -w 5'),
    same('-A -t 192.0.2.9:80 -s rr -s wrr'),
    same('-A -t 192.0.2.9:80 -D'),
    same('-A -t 192.0.2.9:80 -b sh-port'),
    same('-A -t 192.0.2.9:80 -s sh -b mh-port'),
    same('-A -t 192.0.2.9:80 -b nosuch'),
    same('-A -t [2001:db8::9]:80 -p -M 129'),
    same('-A -t 192.0.2.9:80 extra'),
    same('-A'),
    same('-A -- -t 192.0.2.9:80'),
    same('-E -t 192.0.2.4:80'),
    same('-E -u 192.0.2.4:53 -s rr -p 61'),
    same('-E -f 7 -6 -s wrr'),
    same('-E -t 192.0.2.77:80'),
    same('-E -t 192.0.2.1:80 -s nosuch'),
    same('-Z'),
    same('-Z -t 192.0.2.1:80'),
    same('-Z -t 192.0.2.77:80'),
    same('-D -t 192.0.2.1:80 -s rr'),
    same('-D -t 192.0.2.1:80'),
    same('-D -t 192.0.2.1:80'),
    same('-D'),
    same('-Df 7 -6'),
    same('-C extra'),
    same('-C -n'),
    same('--clear'),
  ],
}

const servers: Scenario = {
  name: 'real servers',
  before: ['-A -t 192.0.2.1:80', '-A -f 7', '-A -t [2001:db8::1]:80', '-A -f 7 -6'],
  cases: [
    same('-a -t 192.0.2.1:80 -r 10.0.0.1'),
    same('-a -t 192.0.2.1:80 -r 10.0.0.1:8080'),
    same('-a -t 192.0.2.1:80 -r 10.0.0.2:8080 -m -w 65535 -x 10 -y 5'),
    same('--add-server --tcp-service 192.0.2.1:80 --real-server 10.0.0.2:http --masquerading --weight 0'),
    same('-a -t 192.0.2.1:80 -r 10.0.0.3:8080 -g -w 70000'),
    same('-at 192.0.2.1:80 -r 10.0.0.4 -i --tun-type gue --tun-port 6080 --tun-csum'),
    same('-a -t 192.0.2.1:80 -r 10.0.0.5 -i --tun-type gre'),
    same('-a -t 192.0.2.1:80 -r 10.0.0.6 -i'),
    same('-a -t 192.0.2.1:80 -r 10.0.0.7 -i --tun-type gue --tun-port 6080 --tun-remcsum'),
    same('-a -t 192.0.2.1:80 -r [2001:db8::5]:80 -i'),
    same('-a -t [2001:db8::1]:80 -r [2001:db8::6]:80 -m'),
    same('-a -f 7 -r 10.0.0.8'),
    same('-a -f 7 -r 10.0.0.9:99 -m'),
    same('-a -f 7 -6 -r 2001:db8::7 -m'),
    same('-a -t 192.0.2.1:80 -r 10.0.0.11 -i --tun-type gue'),
    same('-a -t 192.0.2.1:80 -r 10.0.0.11 -m --tun-type gue'),
    same('-a -t 192.0.2.1:80 -r 10.0.0.11 -i --tun-port 5'),
    same('-a -t 192.0.2.1:80 -r 10.0.0.11 -i --tun-type nosuch'),
    same('-a -t 192.0.2.1:80 -r 10.0.0.11 -i --tun-type gue --tun-port 5 --tun-csum --tun-nocsum'),
    same('-a -t 192.0.2.1:80 -r [2001:db8::8]:80 -m'),
    same('-a -t 192.0.2.1:80 -r 10.0.0.11 -y 5'),
    same('-a -t 192.0.2.1:80 -r 10.0.0.11 -gm'),
    same('-a -t 192.0.2.1:80 -r 10.0.0.11 -w -5'),
    same('-a -t 192.0.2.1:80 -r 10.0.0.11 -x lots'),
    same('-a -t 192.0.2.1:80 -r 224.0.0.1'),
    same('-a -t 192.0.2.77:80 -r 10.0.0.11'),
    same('-a -t 192.0.2.1:80'),
    same('-e -t 192.0.2.1:80 -r 10.0.0.2:8080 -m'),
    same('-e -t 192.0.2.1:80 -r 10.0.0.4 -i -w 4'),
    same('-e -t 192.0.2.1:80 -r 10.0.0.99'),
    same('-d -t 192.0.2.1:80 -r 10.0.0.99'),
    same('-d -t 192.0.2.77:80 -r 10.0.0.1'),
    same('-d -t 192.0.2.1:80 -r 10.0.0.1 -g'),
    same('-d -t 192.0.2.1:80 -r 10.0.0.1'),
    same('-d -f 7 -r 10.0.0.9:99'),
    same('-D -t 192.0.2.1:80'),
  ],
}

const others: Scenario = {
  name: 'timeouts, daemons and mistakes',
  before: [],
  cases: [
    same(''),
    same('--set 1 2 3'),
    same('-L --timeout'),
    same('--set 0 0 5'),
    same('9 --set 8 7'),
    same('--set 1 2'),
    same('--set a b c'),
    same('--set 99999999 1 1'),
    same('--set 1 2 3 4'),
    same('-L --timeout'),
    same('--start-daemon master --mcast-interface lo'),
    same('--start-daemon master --mcast-interface lo'),
    same(
      '--start-daemon backup --mcast-interface lo --syncid 5 --mcast-group 239.1.1.1 --mcast-port 9000 ' +
        '--mcast-ttl 4 --sync-maxlen 1400',
    ),
    same('-L --daemon'),
    same('--start-daemon'),
    same('--start-daemon primary'),
    same('--start-daemon master --mcast-interface nosuch0'),
    same('--start-daemon master --syncid 256'),
    same('--start-daemon master --mcast-group 10.0.0.1'),
    same('--start-daemon master --mcast-ttl 0'),
    same('--start-daemon master --mcast-group 224.1'),
    same('--start-daemon master --mcast-group 224.0.0.999'),
    same('--stop-daemon backup --syncid 5'),
    same('--stop-daemon backup'),
    same('--stop-daemon both'),
    same('--stop-daemon master'),
    same('-L --daemon'),
    same('-t 192.0.2.1:80 -A'),
    same('--add-serv -t 192.0.2.1:80'),
    same('-- -A -t 192.0.2.1:80'),
    same('-'),
    same('-list'),
    same('-L -6'),
    same('-L -h'),
    same('-S --stats'),
    same('-L -n -n'),
    same('-L --list'),
    same('-L -c --timeout'),
    same('-L -t 192.0.2.1:80 --daemon'),
    same('-L --stats --timeout'),
    same('-L --persistent-conn --daemon'),
    same('-L -t 192.0.2.99:80'),
  ],
}

const files: Scenario = {
  name: 'restore',
  before: [],
  cases: [
    restored('-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.1 -m\n'),
    restored(
      'ipvsadm -A -t 192.0.2.2:80 -s rr\n\n   \n-A\t-t 192.0.2.3:80 \r\n-a -t 192.0.2.3:80 -r 10.0.0.1 -w 5 -g',
    ),
    restored(
      '-E -t 192.0.2.1:80 -s wrr\n-e -t 192.0.2.1:80 -r 10.0.0.1 -m -w 3\n-d -t 192.0.2.3:80 -r 10.0.0.1\n',
    ),
    restored('-A -t 192.0.2.2:80\n'),
    restored('--set 7 8 9\n-Z\n'),
    restored(''),
    restored('-C\n'),
  ],
}

const differing: Scenario = {
  name: 'where the two differ',
  before: ['-A -t 192.0.2.1:80 -s rr', '-A -f 7 -6'],
  cases: [
    other('-v', { reason: 'are in words of its own', out: 'any' }),
    other('-h', { reason: 'are in words of its own', out: 'any' }),
    other('--help', { reason: 'are in words of its own', out: 'any' }),
    other('foo', {
      reason: 'A word that is no option is a subcommand, and an unknown one ends with 2',
      status: 2,
    }),
    other('-A -t [2001:db8::3] -p', {
      reason: 'An IPv6 address in brackets needs no port.',
      status: 0,
      ours: ['-A -t [2001:db8::3]:0 -s wlc -p 360'],
    }),
    other('-a -f 7 -6 -r [2001:db8::9] -m', {
      reason: 'An IPv6 address in brackets needs no port.',
      status: 0,
      ours: ['-a -f 7 -6 -r [2001:db8::9]:0 -m -w 1'],
    }),
    other('-A -6 -f 8', {
      reason: 'The order of options behind the command has no meaning.',
      status: 0,
      ours: ['-A -f 8 -6 -s wlc'],
    }),
    other('-a -r 10.0.0.3 -t 192.0.2.1:80 -m', {
      reason: 'ipvsadm takes port 0 if -r stands before the service',
      ours: ['-a -t 192.0.2.1:80 -r 10.0.0.3:80 -m -w 1'],
      theirs: ['-a -t 192.0.2.1:80 -r 10.0.0.3:0 -m -w 1'],
    }),
    other('-A -t 192.0.2.9:80 -p -M 24', {
      reason: '-M 24 is refused; ipvsadm takes it for 0.0.0.24.',
      status: 2,
      theirs: ['-A -t 192.0.2.9:80 -s wlc -p 360 -M 0.0.0.24'],
    }),
    other('-A -u 192.0.2.9:53 --pe sip', {
      reason: '--pe without -p is left out, with a warning',
      ours: ['-A -u 192.0.2.9:53 -s wlc'],
      theirs: ['-A -u 192.0.2.9:53 -s wlc --pe sip'],
    }),
    other('-A -t 192.0.2.9:80 -p 2678401', {
      reason: 'The timeout of persistence may be longer than 31 days.',
      status: 0,
      ours: ['-A -t 192.0.2.9:80 -s wlc -p 2678401'],
    }),
    other('-A -t 192.0.2.9:80 -s sh -b port', {
      reason: 'The flags fallback and port need no prefix.',
      status: 0,
      ours: ['-A -t 192.0.2.9:80 -s sh -b sh-port'],
    }),
    other('-a -t 192.0.2.1:80 -r 10.0.0.9 --forwarding local', {
      reason: 'options that ipvsadm does not have: --protocol-service, --forwarding,',
      status: 0,
      // ipvsadm has no other word for it.
      ours: ['-a -t 192.0.2.1:80 -r 10.0.0.9:80 -g -w 1'],
      saved: '-a -t 192.0.2.1:80 -r 10.0.0.9:80 --forwarding local -w 1',
    }),
    other('--start-daemon master --mcast-interface lo --sync-maxlen 65535', {
      reason: '--sync-maxlen may be up to 65535; ipvsadm allows 65507.',
      status: 0,
      saved: '--start-daemon master --mcast-interface lo --syncid 0 --sync-maxlen 65',
    }),
    restored('-A -t 192.0.2.9:80\n-A -t bad/host:80\n', {
      reason: 'If one cannot be understood it is named with its number and nothing is changed',
      theirs: ['-A -t 192.0.2.9:80 -s wlc'],
    }),
    restored('-A -t 192.0.2.9:80\n-A -t 192.0.2.10:80 -q\n-A -t 192.0.2.11:80\n', {
      reason: 'If one cannot be understood it is named with its number and nothing is changed',
      status: 2,
      theirs: ['-A -t 192.0.2.9:80 -s wlc', '-A -t 192.0.2.11:80 -s wlc'],
    }),
    restored('-A -t 192.0.2.1:80\n-A -t 192.0.2.9:80\n', {
      reason: 'each is named, the others are carried out, and the status is 255',
      status: 255,
    }),
    restored('# a comment\n-A -t 192.0.2.9:80\n', {
      reason: 'Lines that begin with # are skipped.',
      status: 0,
      ours: ['-A -t 192.0.2.9:80 -s wlc'],
    }),
    restored('-Ln\n', { reason: 'Lines that print, such as -L, are refused.', status: 2, out: '' }),
  ],
}

export const scenarios: readonly Scenario[] = [services, servers, others, files, differing]

/** Listings of one table, printed by both. */
export const listings: readonly (readonly string[])[] = [
  '',
  '-L',
  '-l',
  '-Ln',
  '-ln --sort',
  '-L -n --nosort',
  '-Ln --stats',
  '-Ln --stats --exact',
  '-L --stats',
  '-Ln --rate',
  '-Ln --rate -X',
  '-Ln --stats --rate',
  '-Ln --thresholds',
  '-Ln --thresholds --rate --tun-info',
  '-Ln --persistent-conn',
  '-Ln --tun-info',
  '-Ln --timeout',
  '-Ln --daemon',
  '-Lnc',
  '-Lc',
  '-Lnc --persistent-conn',
  '-Ln -t 192.0.2.1:80',
  '-Lnt 192.0.2.1:80 --stats',
  '-L -t 192.0.2.1:http',
  '-Ln -f 7',
  '-Ln -f 7 -6 --thresholds',
  '-L --udp-service 127.0.0.1:53 --tun-info',
  '-Ln -t [2001:db8::1]:80',
  '-Sn',
  '-S',
  '--save --numeric',
].map((line) => line.split(' ').filter((word) => word !== ''))
