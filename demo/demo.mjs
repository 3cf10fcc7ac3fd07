// `npm run demo`: a real load balancer, set up by this package and checked against its traffic.
// SPDX-License-Identifier: MIT
//
// This is the host's side: it makes everything ready, then plays the demo in a virtual machine or, if asked,
// in this machine's own kernel. Runs before `npm ci`: Node and nothing else.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { build } from '../scripts/build.mjs'
import { main, Problem, root, which } from '../scripts/lib.mjs'
import { setup } from '../scripts/setup.mjs'
import { findKernel } from '../test/vm/kernel.mjs'
import { runInVm } from '../test/vm/run.mjs'
import { flagsFor, parseFlags, usage } from './options.mjs'
import { colours, note, step } from './report.mjs'

const timeLimit = 180

/** True if this kernel has IPVS, or a module to load. */
function kernelHasIpvs() {
  if (existsSync('/proc/net/ip_vs')) return true
  const modprobe = which('modprobe')
  return modprobe !== undefined && spawnSync(modprobe, ['--dry-run', '--quiet', 'ip_vs']).status === 0
}

/** Whether to play on this machine's own kernel; looked at before anything is installed or built. */
function playsHere({ host }) {
  if (!host) return false
  if (process.getuid() !== 0) {
    throw new Problem(
      'demo: --host makes network namespaces, which needs root; without it a machine is booted.',
    )
  }
  if (kernelHasIpvs()) return true
  note('This kernel has no IPVS and no module ip_vs to load: a virtual machine is booted instead.')
  return false
}

/** Does something that may take long, and says now and then that it is still at it. */
async function patiently(body) {
  const started = performance.now()
  const seconds = () => Math.round((performance.now() - started) / 1000)
  const timer = setInterval(() => note(`... ${seconds()} s`), 10_000)
  try {
    return await body()
  } finally {
    clearInterval(timer)
  }
}

async function playInVm(options) {
  const { release } = findKernel()
  step(`Boot Linux ${release} in QEMU: a stock kernel with IPVS, emulated, over the files of this machine`)
  const { status, commandStatus } = await runInVm({
    command: [process.execPath, 'demo/stage.mjs', ...flagsFor(options)],
    cwd: root,
    timeout: timeLimit,
    env: { FORCE_COLOR: colours ? '1' : '0' },
  })
  // A failure of the demo itself has been told; one of the machine has not.
  if (commandStatus === undefined)
    throw new Problem('demo: FAILED: the virtual machine did not reach its end')
  if (commandStatus === 0 && status !== 0)
    throw new Problem('demo: FAILED: see what the kernel complained of')
  return status
}

await main(import.meta, async (argv) => {
  const options = parseFlags(argv)
  if (options.help) {
    process.stdout.write(usage)
    return 0
  }
  const here = playsHere(options)
  step('Set up what is missing, and build')
  await patiently(() => setup({ for: 'demo', log: note }))
  await patiently(() => build({ log: note }))
  if (!here) return playInVm(options)
  const { perform } = await import('./stage.mjs')
  return perform(options)
})
