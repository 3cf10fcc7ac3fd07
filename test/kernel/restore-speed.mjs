// Times restore() of 20,000 lines beside `ipvsadm -R` of the same lines, each in a fresh namespace; prints JSON.
// SPDX-License-Identifier: MIT
import { execFileSync, spawnSync } from 'node:child_process'
import { Ipvs, restore } from '../../dist/index.js'

/** 4,000 services with 4 real servers each. */
const lines = Array.from({ length: 4000 }, (_, i) => {
  const service = `192.${i >> 8}.${i & 255}.1:80`
  const servers = [1, 2, 3, 4].map((j) => `-a -t ${service} -r 10.${j}.${i >> 8}.${i & 255}:80 -m -w ${j}`)
  return [`-A -t ${service} -s wrr`, ...servers]
}).flat()
const text = `${lines.join('\n')}\n`

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

const theirs = () =>
  timed(
    (name) => name,
    (name) => {
      const command = ['netns', 'exec', name, 'ipvsadm', '-R']
      const { status } = spawnSync('ip', command, { input: text })
      if (status !== 0) throw new Error(`ipvsadm: ${status}`)
    },
  )

const ours = () =>
  timed(
    (name) => Ipvs.open({ netns: `/run/netns/${name}` }),
    async (client) => {
      await restore(client, text)
      await client.close()
    },
  )

const times = { ipvsadm: [], restore: [] }
for (let round = 0; round < 5; round++) {
  // In turns, so that what the machine does beside this hits both.
  if (round % 2 === 0) times.ipvsadm.push(await theirs())
  times.restore.push(await ours())
}
for (const name of names) execFileSync('ip', ['netns', 'delete', name])
console.log(JSON.stringify(times))
