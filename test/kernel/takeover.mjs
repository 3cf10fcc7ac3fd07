// Real servers and clients of a takeover, told what to do over IPC: node takeover.mjs serve | clients
// SPDX-License-Identifier: MIT
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

const VIP = '192.0.2.10'
const PORT = 80
const PATIENCE = 20_000

const serve = async () => {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    socket.on('data', (data) => socket.write(data))
  })
  await once(server.listen(PORT, '0.0.0.0', 4096), 'listening')
}

let sockets = []

/** True when it answers. */
const echo = async (socket) => {
  const ended = new AbortController()
  const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(PATIENCE)])
  try {
    const answer = once(socket, 'data', { signal }) // rejects where the connection is reset
    socket.write('x')
    await answer
    return true
  } catch {
    return false
  } finally {
    ended.abort()
  }
}

const client = {
  /** Opens so many connections, each from an address of its own, and uses them; how many answered. */
  async open(count) {
    for (const socket of sockets) socket.resetAndDestroy()
    sockets = []
    let answered = 0
    while (sockets.length < count) {
      const some = Array.from({ length: Math.min(100, count - sockets.length) }, (_, i) => {
        const number = sockets.length + i + 1
        const localAddress = `10.30.${number >> 8}.${number & 255}`
        const socket = connect({ host: VIP, port: PORT, localAddress, noDelay: true })
        socket.on('error', () => socket.destroy())
        return socket
      })
      sockets.push(...some)
      answered += (await Promise.all(some.map(echo))).filter(Boolean).length
    }
    return answered
  },
  /** Uses them all; how many answered. */
  async talk() {
    return (await Promise.all(sockets.map(echo))).filter(Boolean).length
  },
}

if (process.argv[2] === 'serve') await serve()
process.on('message', async ([verb, ...args]) => process.send(await client[verb](...args)))
process.on('disconnect', () => process.exit(0))
process.send('ready')
