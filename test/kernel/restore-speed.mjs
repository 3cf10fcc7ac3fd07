// Times `ipvsadm -R` of 20,000 lines beside `ipvs -R` and restore() of the same, each in a fresh namespace; prints JSON.
// SPDX-License-Identifier: MIT
//
//   restore-speed.mjs [ROUNDS]            so many times of each, in milliseconds
//   restore-speed.mjs first NETNS FILE    only the time of the first restore() of a process
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ipvs, restore } from '../../dist/index.js'

const self = fileURLToPath(import.meta.url)
const bin = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** Of restore() alone. */
const timeRestore = async (netns, text) => {
  const client = await Ipvs.open({ netns: `/run/netns/${netns}` })
  const start = performance.now()
  await restore(client, text)
  const time = performance.now() - start
  await client.close()
  return time
}

if (process.argv[2] === 'first') {
  console.log(await timeRestore(process.argv[3], readFileSync(process.argv[4], 'utf8')))
  process.exit()
}
const rounds = Number(process.argv[2] ?? 2)

/**
 * 4,000 services with 4 real servers each. Services differ in the last byte of their address, as those of a real table
 * do: the kernel finds them by that byte and the port, and in a table that has them all in one place it walks for longer
 * than all else takes, whoever asks.
 */
const lines = Array.from({ length: 4000 }, (_, i) => {
  const service = `172.16.${i >> 8}.${i & 255}:80`
  const servers = [1, 2, 3, 4].map((j) => `-a -t ${service} -r 10.${j}.${i >> 8}.${i & 255}:80 -m -w ${j}`)
  return [`-A -t ${service} -s wrr`, ...servers]
}).flat()
const text = `${lines.join('\n')}\n`
const file = join(tmpdir(), `restore-speed-${process.pid}`)
writeFileSync(file, text)

const names = []
/**
 * Gives a fresh namespace to `use`, which returns a time or is timed. It is emptied at once but deleted at the end: the
 * kernel deletes one in the background, beside whatever is measured next.
 */
const timed = async (use) => {
  const name = `speed${process.pid}-${names.length}`
  execFileSync('ip', ['netns', 'add', name])
  names.push(name)
  execFileSync('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
  const start = performance.now()
  const time = (await use(name)) ?? performance.now() - start
  const inside = (...command) =>
    execFileSync('ip', ['netns', 'exec', name, ...command], { encoding: 'utf8', maxBuffer: 1 << 26 })
  const found = inside('cat', '/proc/net/ip_vs').split('\n').length
  if (found !== lines.length + 4) throw new Error(`${found} lines in /proc/net/ip_vs`)
  inside('ipvsadm', '-C')
  return time
}

/** A process in a namespace, with the lines as its standard input. */
const run = (...command) =>
  timed((name) => {
    const shell = `exec "$@" < ${file}`
    const { status, stderr } = spawnSync('ip', ['netns', 'exec', name, 'sh', '-c', shell, 'sh', ...command])
    if (status !== 0) throw new Error(`${command.join(' ')}: ${status} ${stderr}`)
  })

/** Of Node.js alone. */
const startUp = () => {
  const start = performance.now()
  execFileSync(process.execPath, ['-e', '0'])
  return performance.now() - start
}

const first = (name) => Number(execFileSync(process.execPath, [self, 'first', name, file]))
const later = (name) => timeRestore(name, text)

// A program that restores again and again: where code runs in an emulator, five times until it is compiled.
for (let i = 0; i < 5; i++) await timed(later)
const times = { ipvsadm: [], process: [], first: [], later: [], node: [] }
for (let round = 0; round < rounds; round++) {
  // In turns, so that what the machine does beside this hits all.
  times.ipvsadm.push(await run('ipvsadm', '-R'))
  times.process.push(await run(process.execPath, bin, '-R'))
  times.first.push(await timed(first))
  times.later.push(await timed(later))
  times.node.push(startUp())
  const latest = Object.entries(times).map(([name, each]) => `${name} ${each.at(-1).toFixed(0)} ms`)
  console.error(`20,000 lines: ${latest.join(', ')}`)
}
for (const name of names) execFileSync('ip', ['netns', 'delete', name])
rmSync(file)
console.log(JSON.stringify(times))
