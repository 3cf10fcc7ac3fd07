// A real server: answers HTTP with its name; /stream goes on until the client has enough.
// SPDX-License-Identifier: MIT
import { createServer } from 'node:http'

const [name, address] = process.argv.slice(2)

/** One line now and then: a connection that lives. */
function stream(response) {
  const tick = () => response.write(`${name}\n`)
  const timer = setInterval(tick, 100)
  response.on('close', () => clearInterval(timer))
  tick()
}

const server = createServer((request, response) => {
  if (request.url === '/stream') return stream(response)
  response.end(`${name}\n`)
})

server.listen({ host: address, port: 80 }, () => process.send('ready'))
process.on('disconnect', () => process.exit())
