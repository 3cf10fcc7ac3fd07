// One of two directors that share a virtual address: the other takes over, connections live on, nothing is synchronised.
// SPDX-License-Identifier: MIT
//
//   node two-directors.mjs TABLE.json DEVICE OWN-ADDRESS PEER-ADDRESS     the addresses exchanged on the other director
//
// TABLE.json is a desired table with a service whose scheduler is maglev, msh or hrw (kmod/): they choose the same real
// server on every director, whatever the order in which servers were added. With direct routing replies do not pass the
// director, so that nothing else is needed; when masquerading, servers need a way back through the one that is active.
// A director that hears nothing from its peer for a second and a half takes the address. Where both may live without
// hearing each other, let VRRP decide instead (keepalived), and keep the first half of this.
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { Ipvs } from 'ipvs'

const PORT = 7946
const BEAT = 250
const SILENCE = 1500

const [file, device, own, peer] = process.argv.slice(2)
if (peer === undefined) throw new Error('usage: node two-directors.mjs TABLE.json DEVICE OWN PEER')
const table = JSON.parse(readFileSync(file, 'utf8'))
const vip = table.services[0].address

const ipvs = await Ipvs.open()
const { complete } = await ipvs.apply(await ipvs.plan(table))
if (!complete) throw new Error('the table could not be made')
await ipvs.close()
// A connection that the peer scheduled begins here in its middle, without SYN.
writeFileSync('/proc/sys/net/ipv4/vs/sloppy_tcp', '1')

// What moves the address, here for IPv4: `ip`, and `arping` to tell the neighbours who has it now.
const run = (command, ...words) => execFileSync(command, words, { stdio: ['ignore', 'ignore', 'inherit'] })
const announce = () => run('arping', '-U', '-c', '1', '-I', device, vip)
const take = () => {
  run('ip', 'address', 'replace', `${vip}/32`, 'dev', device)
  announce()
}
const leave = () => run('ip', 'address', 'flush', 'dev', device, 'to', `${vip}/32`)

leave() // A process that was killed may have left it behind.
for (const signal of ['SIGTERM', 'SIGINT'])
  process.on(signal, () => {
    leave()
    process.exit()
  })
let state = 'standby'
const become = (next) => {
  if (next === 'active') take()
  else leave()
  state = next
  console.log(state)
}

let heard = performance.now()
let peerState = 'unknown'
const socket = createSocket('udp4').bind(PORT, own)
socket.on('message', (text, from) => {
  if (from.address !== peer) return
  heard = performance.now()
  peerState = `${text}`
})
console.log(state)
const first = own < peer // Who has the address when both may.
for (let cut = false; ; ) {
  socket.send(state, PORT, peer, () => {}) // It may be unreachable: silence says so.
  await setTimeout(BEAT)
  if (performance.now() - heard > SILENCE) peerState = 'silent'
  if (state === 'standby') {
    if (peerState === 'silent' || (peerState === 'standby' && first)) become('active')
  } else if (peerState === 'active' && !first) {
    become('standby')
  } else if (cut && peerState !== 'silent') {
    announce() // The neighbours may have taken the peer for the one.
  }
  cut = peerState === 'silent'
}
