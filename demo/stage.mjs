// Sets the stage for the story in this kernel, has it told, and clears everything away whatever happens.
// SPDX-License-Identifier: MIT
import { constants } from 'node:os'
import { isMain, Problem } from '../scripts/lib.mjs'
import { pathOf, Stage } from './namespace.mjs'
import { parseFlags } from './options.mjs'
import { checks, conclude, fail, failures, note, step } from './report.mjs'
import { build, description, plan } from './topology.mjs'

/** Rejects at a signal; further ones are ignored, so that the stage is cleared in peace. */
function interruption() {
  return new Promise((_, rejected) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.on(name, () => rejected(Object.assign(new Problem(`interrupted by ${name}`), { signal: name })))
    }
  })
}

async function play(stage, options) {
  const network = plan(options)
  step(`${network.names.length} network namespaces: client, director, three real servers and a switch`)
  build(stage, network)
  note(description(network))

  const url = `http://${options.ipv6 ? `[${network.vip}]` : network.vip}`
  const onEnd = (name) => fail(`the process ${name} ended before its time`)
  const [ask] = await Promise.all([
    stage.start('client', 'client.mjs', [url], onEnd),
    ...network.servers.map(({ name }) => stage.start(name, 'server.mjs', [name, network.all], onEnd)),
  ])
  note('an HTTP server runs in each of the three, a client in the other')

  const { direct } = await import('./director.mjs')
  return direct({ network, netns: pathOf('director'), url, ask })
}

/** Plays the demo in this kernel; resolves with the exit status. */
export async function perform(options) {
  process.env.PATH = `${process.env.PATH}:/usr/sbin:/sbin`
  const started = performance.now()
  const stage = new Stage()
  let requests = 0
  let signal
  try {
    const interrupted = interruption() // First: much of the play holds signals up until its next pause.
    requests = await Promise.race([interrupted, play(stage, options)])
  } catch (error) {
    signal = error.signal
    // An error of the library or of a program says enough; anything else is a mistake of the demo's own.
    fail(error instanceof Problem || error.name === 'IpvsError' ? error.message : error.stack)
  }
  for (const problem of await stage.clear()) fail(problem)
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  const family = options.ipv6 ? 'IPv6' : 'IPv4'
  conclude(
    `${options.forwarding} over ${family}: ${requests} requests, ${checks} checks, all as configured ` +
      `(${seconds} s, nothing left behind)`,
  )
  // Interrupted: the story may still be waiting for something, and nobody waits for the story.
  if (signal !== undefined) process.exit(128 + constants.signals[signal])
  return failures.length > 0 ? 1 : 0
}

if (isMain(import.meta)) process.exitCode = await perform(parseFlags(process.argv.slice(2)))
