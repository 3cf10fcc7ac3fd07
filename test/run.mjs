// npm test: sets up, builds, and runs every test; its last line counts them.
// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs, stripVTControlCharacters } from 'node:util'
import { build } from '../scripts/build.mjs'
import { main, root } from '../scripts/lib.mjs'
import { setup } from '../scripts/setup.mjs'
import { addCounts, conclude, countsOf, failed, noCounts, passed } from './counts.mjs'
import { schedulerModules } from './kmod/modules.mjs'
import { findKernel } from './vm/kernel.mjs'
import { runInVm } from './vm/run.mjs'

const usage = `usage: npm test [-- --only JOB] [-- --kernel WHICH]

Runs everything: formatting, lint and types; the pages of the API; unit tests; the native code under sanitizers and a fuzzer
(30 s); the tarball; the tests of client and schedulers in a machine that boots a distribution kernel; and every
benchmark once.
Sets up what is missing.

  --only JOB      check, docs, unit, c, kmod, fuzz, asan, package, operation, kernel,
                  schedulers, cli, setup or bench; may be repeated
  --kernel WHICH  for the kernel tests: a name of test/vm/kernels.mjs, or see test/vm/run.mjs --help
`

const vitest = join(root, 'node_modules/vitest/vitest.mjs')

/** Runs a program; its output is for showing in one piece at the end, because the kernel tests go on beside it. */
const capture = (command, ...args) =>
  new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let text = ''
    const take = (chunk) => {
      text += chunk
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.on('error', (error) => resolve({ status: 127, text: `${command}: ${error.message}\n` }))
    child.on('close', (code) => resolve({ status: code ?? 1, text }))
  })

/** Takes the counts from the program's closing line `N passed, N failed`. */
const counted = async (...command) => {
  const { status, text } = await capture(...command)
  return countsOf(text, status)
}

const one = async (name, ...command) => {
  const { status, text } = await capture(...command)
  return status === 0 ? passed() : failed(`${name}: status ${status}: … ${text.trimEnd().slice(-400)}`, text)
}

/** vitest's own report says how many tests ran; its status alone would not tell a run of none. */
async function vitestIn(folder, project, run) {
  const report = join(folder, `${project}.json`)
  const reporters = [join(root, 'test/reporter.ts'), 'json'].map((reporter) => `--reporter=${reporter}`)
  const reporting = [...reporters, `--outputFile.json=${report}`]
  const { status, text: coloured } = await run([vitest, 'run', '--project', project, ...reporting])
  const text = stripVTControlCharacters(coloured)
  try {
    const said = JSON.parse(readFileSync(report, 'utf8'))
    const { numPassedTests, numPendingTests, numTodoTests, testResults } = said
    const reasons = testResults.flatMap(({ name, status, message, assertionResults }) => {
      const tests = assertionResults.filter((test) => test.status === 'failed')
      // A file that cannot be loaded fails without a test.
      const failures = tests.length > 0 || status !== 'failed' ? tests : [{ failureMessages: [message] }]
      return failures.map(({ fullName = 'not loaded', failureMessages }) => {
        const [first = ''] = failureMessages.join().split('\n')
        return `${relative(root, name)}: ${fullName}: ${first.slice(0, 300)}`
      })
    })
    // What a test left unhandled and complaints of the kernel fail the run alone.
    if (status !== 0 && reasons.length === 0) {
      const [why] = /^(vm: |[^\n]*Unhandled).{0,500}/ms.exec(text) ?? [text.trimEnd().slice(-300)]
      reasons.push(`${project} tests: status ${status}: ${why}`)
    }
    const skipped = numPendingTests + numTodoTests
    return { passed: numPassedTests, failed: reasons.length, skipped, reasons, text }
  } catch {
    return failed(`${project} tests: status ${status} and no report`, text)
  }
}

/**
 * One processor for most: emulated ones that outnumber the real ones wait for each other's locks, and all tests
 * with two take half as long again.
 */
const single = { cpus: 1 }

/** A project of vitest.config.ts, and what only several processors at once might break. */
const inBoth = async (project, options) =>
  addCounts(
    await testsInMachine(project, { ...options, ...single }),
    await testsInMachine(`${project}-parallel`, options),
  )

/** The kernel tests, in machines of their own; `kernel` as test/vm/run.mjs takes it. */
export const kernelTests = ({ kernel } = {}) => inBoth('kernel', { kernel })

/** Those of the scheduler modules, built for that kernel first. */
const schedulerTests = async ({ kernel } = {}) =>
  inBoth('schedulers', {
    kernel,
    env: { IPVS_TEST_MODULES: await schedulerModules(findKernel(kernel)) },
  })

/** Runs a project of vitest.config.ts, or `files` of it, with `options` of runInVm(); `wrapper` gets the command. */
export async function testsInMachine(project, { env, shares = [], wrapper = [], files = [], ...options }) {
  const folder = mkdtempSync(join(tmpdir(), 'ipvs-test-'))
  try {
    return await vitestIn(folder, project, async (command) => {
      const { status, stdout, stderr } = await runInVm({
        command: [...wrapper, process.execPath, ...command, ...files],
        cwd: root,
        env: { ...env, IPVS_TEST_KERNEL: 'disposable' },
        capture: true,
        cpus: Math.min(2, cpus().length),
        shares: [folder, ...shares],
        timeout: 3600,
        ...options,
      })
      return { status, text: stdout + stderr }
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A project of vitest.config.ts that needs no machine. */
export async function testsHere(project) {
  const folder = mkdtempSync(join(tmpdir(), 'ipvs-test-'))
  try {
    return await vitestIn(folder, project, (command) => capture(process.execPath, ...command))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const make = (...args) => [
  'make',
  '--no-print-directory',
  '-C',
  'test/c',
  `NODE=${process.execPath}`,
  ...args,
]

/** One after the other on this machine; beside them, and then also after them … */
const hostJobs = {
  check: () => one('npm run check', 'npm', 'run', '--silent', 'check'),
  docs: () => one('npm run docs', 'npm', 'run', '--silent', 'docs'),
  unit: () => testsHere('unit'),
  c: () => counted(...make('check')),
  kmod: () => counted('make', '--no-print-directory', '-C', 'test/kmod', 'check'),
  asan: () => one('the addon under sanitizers', ...make('addon-asan', 'symbols')),
  fuzz: () => one('fuzzing', ...make('fuzz', 'SECONDS=30')),
  package: () => testsHere('package'),
  bench: () => one('every benchmark once', process.execPath, 'bench/run.mjs', '--quick'),
}
/** … what runs in test machines only, the longest first. */
const machineJobs = {
  schedulers: schedulerTests,
  operation: ({ kernel }) => testsInMachine('operation', { kernel, ...single }),
  kernel: kernelTests,
  cli: ({ kernel }) => testsInMachine('cli', { kernel, ...single }),
  setup: ({ kernel }) => testsInMachine('setup', { kernel, ...single }),
}

/** Several may take from the same iterator. */
async function runInTurn(jobs, options) {
  let total = noCounts
  for (const [name, job] of jobs) {
    const start = performance.now()
    const counts = await job(options)
    const { passed: good, failed: bad, reasons, text } = counts
    const seconds = ((performance.now() - start) / 1000).toFixed(0)
    const lines = [...reasons, ...(text.match(/^only at its second try: .*/gm) ?? [])]
    console.log([`${name}: ${good} passed, ${bad} failed, ${seconds} s`, ...lines].join('\n  '))
    total = addCounts(total, counts)
  }
  return total
}

async function runJobs(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      only: { type: 'string', multiple: true },
      kernel: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) return void process.stdout.write(usage)
  await setup({ for: 'test' })
  await build()
  const { only, kernel } = values
  const wanted = (jobs) => Object.entries(jobs).filter(([name]) => only === undefined || only.includes(name))
  const machine = wanted(machineJobs).values()
  const [here, there] = await Promise.all([
    runInTurn(wanted(hostJobs), { kernel }).then(async (counts) =>
      addCounts(counts, await runInTurn(machine, { kernel })),
    ),
    runInTurn(machine, { kernel }),
  ])
  return conclude(addCounts(here, there))
}

await main(import.meta, runJobs)
