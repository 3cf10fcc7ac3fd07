// Runs a command as root on a real kernel with IPVS, in a throw-away machine over this host's files.
// SPDX-License-Identifier: MIT
import { parseArgs } from 'node:util'
import { main, Problem } from '../../scripts/lib.mjs'
import { NO_VERDICT, runInVm } from './machine.mjs'

export { NO_VERDICT, runInVm, TIMED_OUT } from './machine.mjs'

const usage = `usage: node test/vm/run.mjs [options] [--] COMMAND [ARGUMENT...]

Boots a distribution kernel under QEMU (emulation, no KVM, no root needed), over this host's files
read-only with a temporary layer on top, and runs COMMAND there as root in the current directory.

  --kernel WHICH      folder with boot/vmlinuz-* and lib/modules, an image beside such, or a name
                      fetched by kernels.mjs (5.10, 6.12, 7.x); without it the newest one installed
  --timeout SECONDS   time limit, boot included; 0 for none (300)
  --memory MB         (2048)
  --smp N             processors (1)
  --env NAME[=VALUE]  carried into the machine beside PATH, HOME, TERM and CI; may be repeated
  --share DIR         a folder of the host that COMMAND may write to; may be repeated
  --append WORDS      added to the kernel command line
  --keep-log FILE     writes the kernel's log there
  --help

Exit status: that of COMMAND (128 + N if signal N killed it), or
  124  the time limit was reached
  125  the machine cannot be started, died without a verdict, or COMMAND returned 0 but the kernel
       complained (a warning, an oops, a stall) or a reference to an IPVS module was leaked
  129, 130, 143  this program was ended by SIGHUP, SIGINT, SIGTERM
`

const options = {
  kernel: { type: 'string' },
  timeout: { type: 'string' },
  memory: { type: 'string' },
  smp: { type: 'string' },
  env: { type: 'string', multiple: true, default: [] },
  share: { type: 'string', multiple: true, default: [] },
  append: { type: 'string' },
  'keep-log': { type: 'string' },
  help: { type: 'boolean' },
}

/** Our options end at the first word that is not one: the command's own are left alone. */
function split(argv) {
  let i = 0
  while (i < argv.length && argv[i].startsWith('-') && argv[i] !== '--') {
    const option = options[argv[i].replace(/^--/, '')]
    i += option?.type === 'string' ? 2 : 1
  }
  return [argv.slice(0, i), argv.slice(argv[i] === '--' ? i + 1 : i)]
}

function number(name, text) {
  if (text === undefined) return undefined
  if (!/^\d+$/.test(text)) throw new Problem(`--${name} ${text}: not a number`)
  return Number(text)
}

function parse(argv) {
  try {
    return parseArgs({ args: argv, options }).values
  } catch (error) {
    throw new Problem(`${error.message}\n\n${usage}`)
  }
}

function environment(list) {
  const pairs = list.map((item) => {
    const at = item.indexOf('=')
    return at < 0 ? [item, process.env[item]] : [item.slice(0, at), item.slice(at + 1)]
  })
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined))
}

async function runFromCommandLine(argv) {
  const [own, command] = split(argv)
  const values = parse(own)
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  if (command.length === 0) throw new Problem(usage)
  // The reader went away (| head): end as a signal would, the machine with us.
  process.stdout.on('error', () => process.exit(141))
  const { status } = await runInVm({
    command,
    kernel: values.kernel,
    timeout: number('timeout', values.timeout),
    memory: number('memory', values.memory),
    cpus: number('smp', values.smp),
    env: environment(values.env),
    shares: values.share,
    append: values.append,
    keepLog: values['keep-log'],
  })
  return status
}

await main(import.meta, runFromCommandLine, NO_VERDICT)
