// Times `ipvsadm -R` of 20,000 lines beside `ipvs -R` and restore() of the same, each in a fresh namespace; prints JSON.
// SPDX-License-Identifier: MIT
import { execFileSync, spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ipvs, restore } from '../../dist/index.js'

const bin = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** 4,000 services with 4 real servers each. */
const lines = Array.from({ length: 4000 }, (_, i) => {
  const service = `192.${i >> 8}.${i & 255}.1:80`
  const servers = [1, 2, 3, 4].map((j) => `-a -t ${service} -r 10.${j}.${i >> 8}.${i & 255}:80 -m -w ${j}`)
  return [`-A -t ${service} -s wrr`, ...servers]
}).flat()
const text = `${lines.join('\n')}\n`
const file = join(tmpdir(), `restore-speed-${process.pid}`)
writeFileSync(file, text)

let count = 0
const names = []
/**
 * Gives a fresh namespace to `use`, and returns its time in milliseconds. It is emptied at once but deleted at the end:
 * the kernel deletes one in the background, beside whatever is measured next.
 */
const timed = async (prepare, use) => {
  const name = `speed${process.pid}-${++count}`
  execFileSync('ip', ['netns', 'add', name])
  names.push(name)
  execFileSync('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
  const prepared = await prepare(name)
  const start = performance.now()
  await use(prepared)
  const time = performance.now() - start
  const inside = (...command) =>
    execFileSync('ip', ['netns', 'exec', name, ...command], { encoding: 'utf8', maxBuffer: 1 << 26 })
  const found = inside('cat', '/proc/net/ip_vs').split('\n').length
  if (found !== lines.length + 4) throw new Error(`${found} lines in /proc/net/ip_vs`)
  inside('ipvsadm', '-C')
  return time
}

/** A process in a namespace, with the lines as its standard input. */
const run = (...command) =>
  timed(
    (name) => name,
    (name) => {
      const shell = `exec "$@" < ${file}`
      const { status, stderr } = spawnSync('ip', ['netns', 'exec', name, 'sh', '-c', shell, 'sh', ...command])
      if (status !== 0) throw new Error(`${command.join(' ')}: ${status} ${stderr}`)
    },
  )

const library = () =>
  timed(
    (name) => Ipvs.open({ netns: `/run/netns/${name}` }),
    async (client) => {
      await restore(client, text)
      await client.close()
    },
  )

/** A process that does nothing but start: what of its time is not ours. */
const startUp = (...command) => {
  const start = performance.now()
  spawnSync(process.execPath, command)
  return performance.now() - start
}

const times = { ipvsadm: [], process: [], restore: [], node: [], version: [] }
for (let round = 0; round < 4; round++) {
  // In turns, so that what the machine does beside this hits all.
  if (round < 2) {
    times.ipvsadm.push(await run('ipvsadm', '-R'))
    times.process.push(await run(process.execPath, bin, '-R'))
    times.node.push(startUp('-e', '0'))
    times.version.push(startUp(bin, '--version'))
  }
  times.restore.push(await library())
}
for (const name of names) execFileSync('ip', ['netns', 'delete', name])
rmSync(file)
console.log(JSON.stringify(times))
