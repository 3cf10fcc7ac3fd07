// keepalived: started with the table as its configuration, timed until the kernel has all of it.
// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { PER_SERVICE, PORT, serverKey, serviceKey } from '../operations.mjs'

/** Real servers without checkers are there from the start. */
function configuration(services) {
  const blocks = ['global_defs {\n}\n']
  for (let i = 0; i < services; i++) {
    const servers = Array.from(
      { length: PER_SERVICE },
      (_, j) => `  real_server ${serverKey(i, j + 1).address} ${PORT} {\n    weight 1\n  }\n`,
    )
    const head = `virtual_server ${serviceKey(i).address} ${PORT} {\n  lvs_sched wlc\n  lvs_method NAT\n  protocol TCP\n`
    blocks.push(`${head}${servers.join('')}}\n`)
  }
  return blocks.join('')
}

const countServers = (namespace) => readFileSync(namespace.proc('net/ip_vs'), 'utf8').split('->').length - 2

/** Milliseconds from its start to a complete table. */
export async function keepalived(namespace, services) {
  const folder = mkdtempSync(join(tmpdir(), 'keepalived-'))
  const file = join(folder, 'keepalived.conf')
  writeFileSync(file, configuration(services))
  const pids = ['-p', 'main', '-c', 'checkers'].map((word) =>
    word.startsWith('-') ? word : join(folder, word),
  )
  const words = ['keepalived', '--dont-fork', '--check', ...pids, '-f', file, '--log-console', '--no-syslog']
  const [program, ...args] = namespace.command(...words)
  const start = performance.now()
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = once(child, 'close')
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      if (said.length < 4000) said += chunk
    })
  try {
    // Services are counted, which costs nothing; the servers of the last one come right behind it.
    while (namespace.services < services || countServers(namespace) < services * PER_SERVICE) {
      if (child.exitCode !== null) throw new Error(`keepalived ended (status ${child.exitCode}): ${said}`)
      if (performance.now() - start > 120_000)
        throw new Error(`keepalived: ${namespace.services} services: ${said}`)
      await setTimeout(2)
    }
    return performance.now() - start
  } finally {
    child.kill('SIGTERM')
    await exited
    rmSync(folder, { recursive: true, force: true })
  }
}
