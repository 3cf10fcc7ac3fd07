// Every option and subcommand stands in the usage text, the man page and both completions.
// SPDX-License-Identifier: MIT

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readDesired } from '../../lib/cli/desired.ts'
import { processIo } from '../../lib/cli/io.ts'
import { main } from '../../lib/cli/run.ts'
import { subcommands } from '../../lib/cli/subcommands.ts'
import { usage } from '../../lib/cli/usage.ts'
import { allOptions } from '../../lib/text/options.ts'
import { scenarios } from '../kernel/cli-cases.ts'

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url))
const file = (name: string) => readFileSync(path(name), 'utf8')

/** Where each is written, and how an option and a letter look there. */
const places = [
  {
    name: 'usage',
    text: usage(),
    option: (name: string) => `--${name}`,
    letter: (letter: string) => `-${letter},`,
  },
  {
    name: 'man/ipvs.8',
    text: file('man/ipvs.8').replaceAll(' , ', ' , Fl ').replaceAll('Fl Fl', 'Fl'),
    option: (name: string) => `Fl -${name}`,
    letter: (letter: string) => `Fl ${letter}`,
  },
  {
    name: 'bash',
    text: file('completion/ipvs.bash'),
    option: (name: string) => `--${name}`,
    letter: (letter: string) => `-${letter}`,
  },
  {
    name: 'zsh',
    text: file('completion/_ipvs'),
    option: (name: string) => `--${name}`,
    letter: (letter: string) => `-${letter}`,
  },
]

const holds = (text: string, word: string): boolean =>
  new RegExp(`(^|[^\\w-])${word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}($|[^\\w-])`, 'm').test(text)

test.each(places)('every option is in $name', ({ text, option, letter }) => {
  const missing = allOptions.flatMap(({ name, short }) => [
    ...(holds(text, option(name)) ? [] : [name]),
    ...[...short].filter((each) => !holds(text, letter(each).replace(/,$/, ''))),
  ])
  expect(missing).toEqual([])
})

test.each(places)('every subcommand is in $name', ({ text }) => {
  expect(Object.keys(subcommands).filter((name) => !holds(text, name))).toEqual([])
})

const run = async (argv: readonly string[], input = '') => {
  let out = ''
  let err = ''
  const take = {
    out: (text: string) => {
      out += text
    },
    err: (text: string) => {
      err += text
    },
    input: async () => input,
    signal: new AbortController().signal,
  }
  return { status: await main(argv, take), out, err }
}

test.each(Object.keys(subcommands).filter((name) => name !== 'dkms'))('ipvs %s --help', async (name) => {
  const { status, out, err } = await run([name, '--help'])
  expect({ status, err }).toEqual({ status: 0, err: '' })
  expect(out).toMatch(new RegExp(`^usage: ipvs ${name} `))
  expect(out).toContain('Exit status: 0 ')
  expect(out.split('\n').every((line) => line.length <= 120)).toBe(true)
  // What its usage names is in the completions.
  for (const [option] of out.matchAll(/--[a-z][a-z-]+/g)) {
    for (const shell of ['ipvs.bash', '_ipvs'])
      expect(holds(file(`completion/${shell}`), option), option).toBe(true)
  }
})

test('no line of the usage is too long', () => {
  expect(
    usage()
      .split('\n')
      .filter((line) => line.length > 120),
  ).toEqual([])
})

test.each([
  [['sav'], 2, "unknown command 'sav'; did you mean save?"],
  [['zzz'], 2, "unknown command 'zzz'; known: plan, apply,"],
  [
    ['-A', '-t', '192.0.2.1:80', '--schedluer', 'rr'],
    255,
    'unknown option --schedluer; did you mean --scheduler?',
  ],
  [['-A', '-t', '192.0.2.1:80', '-tcp'], 2, '-t, --tcp-service: one service only'],
  [['-Az'], 255, 'unknown option -z in -Az'],
  [['-A'], 2, '--add-service needs a virtual service'],
  [['-t', '192.0.2.1:80'], 255, '-t, --tcp-service stands before the command'],
  [['-Ln', '-w', '5'], 2, '--list takes no --weight'],
  [['-L', '-c', '--daemon'], 2, '--connection and --daemon exclude each other'],
  [['save', '--netsn', 'x'], 2, 'save: unknown option --netsn; did you mean --netns?'],
  [['save', 'x'], 2, "save: unexpected word 'x'"],
  [['restore', '/no/such/file'], 1, 'ENOENT'],
  [['plan', '--owns', 'x'], 2, 'plan: --owns x: expected all, fwmark, or an address'],
  [['plan', '--owns', '192.0.2.0/'], 2, 'plan: --owns 192.0.2.0/: expected all, fwmark, or an address'],
  [['plan', '--owns', '192.0.2.0/1e1'], 2, 'plan: --owns 192.0.2.0/1e1: expected'],
  [['plan', '--owns', '192.0.2.0/24/x'], 2, 'plan: --owns 192.0.2.0/24/x: expected'],
  [['plan', '--owns', '192.0.2.0/33'], 2, 'plan: --owns 192.0.2.0/33: expected'],
  [['plan', '--owns', '2001:db8::/129'], 2, 'plan: --owns 2001:db8::/129: expected'],
  [['apply', '--owns', '/24'], 2, 'apply: --owns /24: expected'],
  [['plan', '--prune', 'al'], 2, "plan: unknown --prune 'al'; did you mean all?"],
  [['apply', 'a', 'b'], 2, "apply: unexpected word 'b'"],
  [['apply', '--grace', 'x'], 2, 'apply: --grace x: expected seconds'],
  [['apply', '--grace', '10000000'], 2, 'apply: --grace 10000000: expected seconds, 0 to 2147483\n'],
  [['drain', '-t', '192.0.2.1:80'], 2, 'drain: which real server? -r'],
  [['drain', '-r', '10.0.0.1'], 2, 'drain: which service?'],
  [
    ['drain', '-t', '192.0.2.1:80', '-r', '10.0.0.1', '--deadline', 'x'],
    2,
    'drain: --deadline x: expected seconds',
  ],
  [['undrain', '-t', '192.0.2.1:80', '-r', '10.0.0.1'], 2, 'undrain: -w WEIGHT: expected a number'],
  [
    ['drain', '-t', '192.0.2.1:80', '-r', '10.0.0.1', '--interval', '0'],
    2,
    'drain: --interval 0: expected seconds, 0.001 to 2147483\n',
  ],
  [['watch', '--interval', '0'], 2, 'watch: --interval 0: expected seconds, 0.001 to 2147483\n'],
  [['watch', '--interval', '10000000000'], 2, 'watch: --interval 10000000000: expected seconds'],
  [['watch', '--interval', '1e10'], 2, 'watch: --interval 1e10: expected seconds'],
  [['watch', '--count', '0'], 2, 'watch: --count 0: expected a number above 0'],
  [['doctor', 'x'], 2, "doctor: unexpected word 'x'"],
  [['doctor', '--real-server-of', 'x'], 2, 'doctor: --real-server-of: not an IPv4 or IPv6 address'],
  [['doctor', '--scheduler', 'a b'], 2, 'doctor: --scheduler: white space'],
  [['sysctl', 'lst'], 2, "unknown word of sysctl 'lst'; did you mean list?"],
  [['sysctl', 'get'], 2, 'sysctl: get which? NAME'],
  [['sysctl', 'get', 'conn_reuse_mod'], 2, "unknown sysctl 'conn_reuse_mod'; did you mean conn_reuse_mode?"],
  [['sysctl', 'set', 'sloppy_tcp'], 2, 'sysctl: sloppy_tcp: expected NAME=VALUE'],
  [['sysctl', 'set', 'sloppy_tcp=2'], 2, 'sysctl: sloppy_tcp: expected an integer 0..1, got 2'],
  [['sysctl', 'set', 'sloppy_tcp=x'], 2, "sysctl: net.ipv4.vs.sloppy_tcp: expected a number, got 'x'"],
  [['sysctl', 'profile'], 2, "unknown profile ''; known: direct-return, kubernetes"],
  [['sysctl', 'list', '--apply'], 2, 'sysctl: --apply, --strict-arp and --kernel are for profile'],
  [['predict'], 2, 'predict: which service?'],
  [['predict', '-t', 'x!'], 2, 'predict: --tcp-service x!: not address[:port]'],
  [['predict', '-t', '192.0.2.1:80', '1.2.3.4:x'], 2, '1.2.3.4:x: not address[:port] of a client'],
  [['predict', '-t', '192.0.2.1:80', '--seed', 'x'], 2, '--seed x: not a number'],
  [['vip'], 2, 'vip: what is to be done? add, remove, list, announce'],
  [['vip', 'ad'], 2, "unknown vip command 'ad'; did you mean add?"],
  [['vip', 'add', '192.0.2.80'], 2, 'vip add: on which interface? --interface'],
  [['vip', 'add', '192.0.2.80/33', '--interface', 'x'], 2, 'vip: prefix: expected an integer 1..32, got 33'],
  [['vip', 'remove'], 2, 'vip remove: which address?'],
  [['vip', 'list', 'x'], 2, "vip list: unexpected word 'x'"],
  [['vip', 'announce', '192.0.2.80', '--count', 'x'], 2, 'vip: --count x: expected a number 1 to 1000'],
  [['vip', 'announce', '192.0.2.80', '--interval', '61'], 2, 'vip: --interval 61: expected seconds, 0 to 60'],
  [['real-server', 'add'], 2, 'real-server add: which VIP?'],
  [['real-server', 'add', '192.0.2.80', 'x'], 2, "real-server: unexpected word 'x'"],
  [
    ['real-server', 'add', '192.0.2.80', '--forwarding', 'x'],
    2,
    'real-server: forwarding: expected direct-routing,',
  ],
  [['impact', '-f', '0', '--remove', '10.0.0.1'], 2, 'impact: -f 0: expected a number 1 to 4294967295'],
] as const)('%j ends with %i', async (argv, status, message) => {
  const result = await run(argv)
  expect(result.err).toContain(message)
  expect(result.err).toMatch(/^ipvs: /)
  expect({ status: result.status, out: result.out }).toEqual({ status, out: '' })
})

const stored = JSON.stringify({ changes: [] })

test.each([['--owns', 'all'], ['--prune', 'none'], ['--keep-weights', 'all'], ['--force']])(
  'a stored plan takes no %s',
  async (...option) => {
    expect(await run(['apply', ...option], stored)).toEqual({
      status: 2,
      out: '',
      err: `ipvs: apply: ${option[0]} is for making a plan, and FILE is one that was made\n`,
    })
  },
)

/** What is read as the desired table, and what is said about it. */
const desiredOf = async (text: string) => {
  let err = ''
  const io = {
    out: () => undefined,
    err: (text: string) => {
      err += text
    },
    input: async () => text,
    signal: new AbortController().signal,
  }
  return { desired: await readDesired(io, undefined), err }
}

const note = (what: string) => `note: ${what} are left as they are: plan and apply are for services\n`

test('what save and -L print is a desired table; timeouts and daemons are left out, which is told', async () => {
  const table = { stable: true, services: [] }
  const saved = JSON.stringify({ ...table, timeouts: { tcp: 900 }, daemons: [] })
  expect(await desiredOf(saved)).toEqual({ desired: table, err: note('timeouts and daemons') })
  const listed = JSON.stringify({ version: '1.2.1', connectionTableSize: 4096, services: [] })
  expect(await desiredOf(listed)).toEqual({ desired: { services: [] }, err: '' })
  const lines = '--set 1 2 3\n-A -f 7\n'
  expect(await desiredOf(lines)).toMatchObject({
    desired: { services: [{ fwmark: 7 }] },
    err: note('timeouts'),
  })
  expect((await desiredOf('--start-daemon master\n')).err).toBe(note('daemons'))
})

test('a service has many spellings in lines', async () => {
  const { desired } = await desiredOf(
    '-A -t [2001:DB8:0::1]:80\n-a -t [2001:db8::1]:80 -r 2001:db8::2 -m\n-A -t 10.1:80\n-a -t 10.0.0.1:80 -r 10.0.0.2 -m\n',
  )
  expect(desired).toMatchObject({
    services: [{ destinations: [{ address: '2001:db8::2' }] }, { destinations: [{ address: '10.0.0.2' }] }],
  })
})

test('what the library says in a sentence needs no stack; a mistake in code does', async () => {
  const said = async (error: Error) => {
    let err = ''
    const io = {
      out: () => undefined,
      err: (text: string) => {
        err += text
      },
      input: () => Promise.reject(error),
      signal: new AbortController().signal,
    }
    return { status: await main(['plan'], io), err }
  }
  expect(await said(new Error('not saved: the table kept changing'))).toEqual({
    status: 1,
    err: 'ipvs: not saved: the table kept changing\n',
  })
  expect((await said(new TypeError('x is not a function'))).err).toContain('    at ')
})

test('an interrupted command says by what', () => {
  const { signal } = processIo()
  expect(signal.aborted).toBe(false)
  process.emit('SIGTERM', 'SIGTERM')
  expect(signal.reason).toMatchObject({ name: 'Failure', message: 'interrupted (SIGTERM)' })
})

/** The text of DIFFERENCES in the man page without its macros, a line for each item. */
const differences = (): readonly string[] => {
  const [, section = ''] = /^\.Sh DIFFERENCES\n([\s\S]*?)^\.Sh /m.exec(file('man/ipvs.8')) ?? []
  return section.split(/^\.It$/m).map((item) =>
    item
      .split('\n')
      .map((line) =>
        line
          .replace(/^\.(Cm|Ar|Nm|Pq) /, '')
          .replace(/^\.Xr (\S+) (\d)/, '$1($2)')
          .replace(/^\.Fl /, '-')
          .replace(/ (Ar|Cm|Fl) /g, (_, macro) => (macro === 'Fl' ? ' -' : ' '))
          .replace(/ (?=[:;,.]$)/, ''),
      )
      .join(' ')
      .replace(/\s+/g, ' ')
      .trim(),
  )
}

test('every difference from ipvsadm that the tests know stands in the man page', () => {
  const known = scenarios.flatMap(({ cases }) => cases.flatMap(({ differs }) => differs?.reason ?? []))
  const items = differences()
  expect(known.length).toBeGreaterThan(15)
  expect(known.filter((reason) => !items.some((item) => item.includes(reason)))).toEqual([])
})

test('-R reads everything before it changes anything', async () => {
  expect(await run(['-R'], '-A -t 192.0.2.1:80\n-A\n')).toEqual({
    status: 2,
    out: '',
    err: 'ipvs: line 2: --add-service needs a virtual service (-t, -u, -f or --sctp-service) (-A)\nipvs: nothing was changed\n',
  })
})

test('-R ends with 2 where there is nothing that it could change, with no lines, too', async () => {
  for (const input of ['', '-A -t 192.0.2.1:80\n']) {
    const result = await run(['--netns', '/no/such/namespace', '-R'], input)
    expect(result).toMatchObject({ status: 2, out: '', err: expect.stringMatching(/^ipvs: \S.*\n$/) })
  }
})

test('completion for bash completes', () => {
  const complete = (...words: string[]): string[] => {
    const list = words.map((word) => `'${word}'`).join(' ')
    const script = `source '${path('completion/ipvs.bash')}'; COMP_WORDS=(ipvs ${list}); COMP_CWORD=${words.length}; _ipvs; printf '%s\\n' "\${COMPREPLY[@]}"`
    return execFileSync('bash', ['-c', script], { encoding: 'utf8' })
      .split('\n')
      .filter((word) => word !== '')
  }
  expect(complete('pre')).toEqual(['predict'])
  expect(complete('plan', '--keep-weights', 'd')).toEqual(['drained'])
  expect(complete('--add-se')).toEqual(['--add-service', '--add-server'])
  expect(complete('-a', '-t', '192.0.2.1:80', '--tun-t')).toEqual(['--tun-type'])
  expect(complete('-A', '--tun-t')).toEqual([])
  expect(complete('-A', '-t', 'x', '-s', 'm')).toEqual(['mh', 'msh', 'maglev'])
  expect(complete('restore', '--p')).toEqual(['--partial'])
  expect(complete('--netns', 'x', 'impact', '--rem')).toEqual(['--remove'])
  expect(complete('dkms', 'st')).toEqual(['status'])
  expect(complete('doctor', '--sh')).toEqual(['--shared'])
  expect(complete('sysctl', 'pro')).toEqual(['profile'])
  expect(complete('sysctl', 'profile', 'd')).toEqual(['direct-return'])
})

test('the man page has no warnings', () => {
  const { PATH } = process.env
  const said = execFileSync(
    'sh',
    [
      '-c',
      `command -v man > /dev/null || exit 0; man --warnings -l '${path('man/ipvs.8')}' 2>&1 > /dev/null`,
    ],
    { encoding: 'utf8', env: { PATH, LC_ALL: 'C.UTF-8', MANWIDTH: '100' } },
  )
  expect(said).toBe('')
})
