// The two ends of a balancer's network, told what to do over IPC: node peers.mjs client | servers ADDRESS[/PORT/NAME]...
// SPDX-License-Identifier: MIT
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const PORT = 8080
const PATIENCE = 4000
const VIP = '192.0.2.10'

/** Says who it is, then echoes; after `stay`, a connection that its client has half closed gets data ten times a second. */
const serve = async (where) => {
  const [address, port = PORT, name = address] = where.split('/')
  const tcp = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    let stays = false
    socket.on('error', () => socket.destroy())
    socket.write(`${name}\n`)
    socket.on('data', (data) => {
      stays ||= data.includes('stay')
      socket.write(data)
    })
    socket.on('end', async () => {
      while (stays && !socket.destroyed) {
        socket.write('more\n')
        await sleep(100)
      }
      socket.end()
    })
  })
  await once(tcp.listen(Number(port), address), 'listening')
  const udp = createSocket('udp4')
  udp.on('message', (_, from) => udp.send(name, from.port, from.address))
  await once(udp.bind(Number(port), address), 'listening')
}

/** { socket, server } of each connection that is meant to last. */
let connections = []

const answer = async (socket, what) => {
  const signal = AbortSignal.timeout(PATIENCE)
  const [data] = await once(socket, what, { signal })
  return String(data).trim()
}

const synRetransmissions = () => {
  const [names, values] = readFileSync('/proc/self/net/netstat', 'utf8').split('\n')
  return Number(values.split(' ')[names.split(' ').indexOf('TCPSynRetrans')])
}

const openOne = async () => {
  const socket = connect({ host: VIP, port: 80, noDelay: true })
  const server = await answer(socket, 'data').catch((error) => {
    socket.destroy()
    throw new Error(error.code ?? error.message)
  })
  const connection = { socket, server, received: 0 }
  socket.on('data', () => connection.received++)
  socket.on('error', () => socket.destroy())
  return connection
}

const client = {
  /** Opens connections, some at a time; the server of each. */
  async open(count) {
    const opened = []
    while (opened.length < count) {
      const some = Math.min(50, count - opened.length)
      opened.push(...(await Promise.all(Array.from({ length: some }, openOne))))
    }
    connections.push(...opened)
    return opened.map(({ server }) => server)
  },
  /** Asks each connection for an echo. One that is cut without a word takes all of the patience. */
  async talk() {
    const before = connections.map(({ received }) => received)
    for (const { socket } of connections) socket.write('x')
    const alive = () => connections.filter(({ received }, i) => received > before[i]).length
    const reset = () => connections.filter(({ socket }) => socket.destroyed).length
    const deadline = performance.now() + 2 * PATIENCE
    while (alive() + reset() < connections.length && performance.now() < deadline) await sleep(20)
    return { alive: alive(), broken: connections.length - alive() }
  },
  /** Ends so many connections of a server, by a reset or as usual. */
  async close(server, count, how) {
    const chosen = connections.filter((connection) => connection.server === server).slice(0, count)
    connections = connections.filter((connection) => !chosen.includes(connection))
    for (const { socket } of chosen) {
      if (how === 'reset') socket.resetAndDestroy()
      else socket.end()
    }
    return chosen.length
  },
  /** Half closes the first connection; it goes on receiving. */
  async halfClose() {
    const [{ socket }] = connections
    socket.allowHalfOpen = true
    socket.end('stay')
  },
  /** How much the first connection received until now. */
  async received() {
    return connections[0].received
  },
  /** The server that answers a datagram from this port; null when none does. */
  async ask(port) {
    const socket = createSocket('udp4')
    socket.bind(port)
    await once(socket, 'listening')
    socket.send('x', 53, VIP)
    const server = await answer(socket, 'message').catch(() => null)
    socket.close()
    return server
  },
  /** Resets what is left, for the next test. */
  async forget() {
    for (const { socket } of connections) socket.resetAndDestroy()
    connections = []
  },
  /**
   * Connects from this port, which may have been used a moment ago, and closes: the server, and how many SYN were sent
   * again.
   */
  async again(port) {
    writeFileSync('/proc/sys/net/ipv4/tcp_max_tw_buckets', '0') // or the port would be taken for a minute
    const before = synRetransmissions()
    const socket = connect({ host: VIP, port: 80, localPort: port, noDelay: true })
    const server = await answer(socket, 'data')
    socket.end()
    await once(socket, 'close')
    return { server, retransmissions: synRetransmissions() - before }
  },
  /** Sends so many datagrams a second, from one port, for so many seconds; how many in all. */
  async stream(perSecond, seconds) {
    const socket = createSocket('udp4')
    const start = performance.now()
    let sent = 0
    while (performance.now() - start < seconds * 1000) {
      for (; sent < ((performance.now() - start) / 1000) * perSecond; sent++)
        socket.send('x'.repeat(72), 53, VIP)
      await sleep(20)
    }
    socket.close()
    return sent
  },
}

const [, , role, ...addresses] = process.argv
for (const address of role === 'servers' ? addresses : []) await serve(address)
process.on('message', async ([verb, ...args]) => {
  try {
    process.send({ result: await client[verb](...args) })
  } catch (error) {
    process.send({ error: error.message })
  }
})
process.on('disconnect', () => process.exit(0))
process.send({})
