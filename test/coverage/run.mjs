// npm run coverage: which lines of lib/ and native/ the tests run, in one report; fails below 90 %.
// SPDX-License-Identifier: MIT
import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import libReport from 'istanbul-lib-report'
import reports from 'istanbul-reports'
import { main, Problem, root, run } from '../../scripts/lib.mjs'
import { setup } from '../../scripts/setup.mjs'
import { runInVm } from '../vm/run.mjs'
import { coverageOf, linesOf } from './report.mjs'

const LEAST = 90
const usage = `usage: npm run coverage [-- --add JOB]...

Builds a copy of this checkout that counts, runs the tests in it, and writes build/coverage/report (HTML and
lcov.info). Fails where they run less than ${LEAST} % of the lines of lib/ or of native/, or one fails.

  --add JOB   unit, c, kernel, operation, cli or setup alone, in the copy of the last time and in addition
              to what was counted then; may be repeated
`

const folder = join(root, 'build/coverage')
/** Not the checkout itself: nobody shall take what is built to count for the real thing. */
const tree = join(folder, 'tree')
/** Where vitest.config.ts beside this has them written. */
const counts = join(folder, 'v8')

async function makeTree() {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(counts, { recursive: true })
  const listed = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'])
  for (const file of listed.toString().split('\0'))
    if (file !== '' && existsSync(join(root, file))) cpSync(join(root, file), join(tree, file))
  for (const folder of ['node_modules', 'examples/exporter/node_modules'])
    symlinkSync(join(root, folder), join(tree, folder))
  // The addon runs on several threads: without `atomic` some counts are lost.
  const env = { CXXFLAGS: '--coverage -fprofile-update=atomic -O1', LDFLAGS: '--coverage' }
  await run(process.execPath, ['scripts/build.mjs'], { cwd: tree, env })
}

const vitest = (project) => [
  join(tree, 'node_modules/vitest/vitest.mjs'),
  ...['run', '--config', 'test/coverage/vitest.config.ts', '--project', project],
]

async function inMachine(project) {
  const { status } = await runInVm({
    command: ['sh', '-c', 'umask 0; exec "$@"', 'sh', process.execPath, ...vitest(project)],
    cwd: tree,
    // Counting takes time, too.
    env: { IPVS_TEST_KERNEL: 'disposable', IPVS_TEST_SLOWNESS: '2' },
    cpus: Math.min(2, cpus().length),
    shares: [folder],
    timeout: 1800,
  })
  if (status !== 0) throw new Problem(`the tests ${project} failed (status ${status})`)
}

const jobs = {
  unit: () => run(process.execPath, vitest('unit'), { cwd: tree }),
  c: () =>
    run('make', ['-C', 'test/c', `NODE=${process.execPath}`, 'SANITIZE=--coverage', 'check'], { cwd: tree }),
  kernel: () => inMachine('kernel*'),
  operation: () => inMachine('operation'),
  cli: () => inMachine('cli'),
  setup: () => inMachine('setup'),
}

await main(import.meta, async (argv) => {
  const options = { add: { type: 'string', multiple: true }, help: { type: 'boolean' } }
  const { add, help } = parseArgs({ args: argv, options }).values
  if (help) return void process.stdout.write(usage)
  const unknown = add?.find((name) => !Object.hasOwn(jobs, name))
  if (unknown !== undefined) throw new Problem(`no job ${unknown}\n\n${usage}`)
  await setup({ for: 'test' })
  process.umask(0) // Some tests run processes as nobody, who are to add to what others have counted.
  if (add === undefined) await makeTree()
  for (const name of add ?? Object.keys(jobs)) await jobs[name]()
  const coverageMap = await coverageOf({ tree, counts, scratch: join(folder, 'monocart') })
  const context = libReport.createContext({ dir: join(folder, 'report'), coverageMap })
  for (const name of ['html', 'lcovonly']) reports.create(name).execute(context)
  let least = 100
  for (const part of ['lib', 'native']) {
    const { covered, total, percent } = linesOf(coverageMap, part)
    console.log(`${part}/: ${covered} of ${total} lines, ${percent.toFixed(1)} %`)
    least = Math.min(least, percent)
  }
  if (least < LEAST) throw new Problem(`coverage: less than ${LEAST} %`)
})
