// Echo servers and clients of them in one process: node echo.mjs '{ "listen": […], "talk": […] }'
// SPDX-License-Identifier: MIT
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

const message = (bytes) => Buffer.alloc(bytes, 'x')
const ipv6 = (host) => host.includes(':')

const servers = {
  async tcp({ host, port }) {
    const server = createServer((socket) => socket.pipe(socket)).listen(port, host)
    await once(server, 'listening')
  },
  async udp({ host, port }) {
    const server = createSocket(ipv6(host) ? 'udp6' : 'udp4')
    server.on('message', (data, from) => server.send(data, from.port, from.address))
    server.bind(port, host)
    await once(server, 'listening')
  },
}

/** Each opens a connection, sends message after message and waits for each to come back whole. */
const clients = {
  async tcp({ host, port }, messages, bytes) {
    const socket = connect(port, host)
    await once(socket, 'connect')
    for (let i = 0; i < messages; i++) {
      socket.write(message(bytes))
      for (let left = bytes; left > 0; ) left -= (await once(socket, 'data'))[0].length
    }
    socket.end()
    await once(socket.resume(), 'close')
  },
  async udp({ host, port }, messages, bytes) {
    const socket = createSocket(ipv6(host) ? 'udp6' : 'udp4')
    for (let i = 0; i < messages; i++) {
      socket.send(message(bytes), port, host)
      await once(socket, 'message')
    }
    socket.close()
  },
}

const { listen, talk } = JSON.parse(process.argv[2])
for (const server of listen) await servers[server.protocol](server)
for (const { protocol, to, connections, messages, bytes } of talk) {
  for (let i = 0; i < connections; i++) await clients[protocol](to, messages, bytes)
}
process.exit(0)
