// TCP servers, or clients that connect without a pause: node traffic.mjs serve PORT | connect ADDRESS PORT PARALLEL [PATIENCE]
// SPDX-License-Identifier: MIT
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

/** Milliseconds after which a client without an answer gives up. */
const PATIENCE = 20_000

/** Each connection sends a line and is told the address of the server, which then closes. */
async function serve(port) {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(socket.localAddress))
  })
  server.listen(Number(port), '0.0.0.0', 1024)
  await once(server, 'listening')
  console.log('ready')
}

/** The address that answered, or why none did. */
function ask(host, port, patience) {
  return new Promise((resolve) => {
    const socket = connect(Number(port), host)
    let answer = ''
    socket.setTimeout(patience, () => socket.destroy(new Error('no answer')))
    socket.on('connect', () => socket.write('who are you?\n'))
    socket.on('data', (data) => {
      answer += data
    })
    socket.on('end', () => resolve(answer === '' ? { error: 'closed without an answer' } : { answer }))
    socket.on('error', (error) => resolve({ error: error.code ?? error.message }))
  })
}

/** Prints what it has seen whenever a line comes in, and begins to count anew; ends with standard input. */
async function connectAll(host, port, parallel, patience = PATIENCE) {
  let [count, failures, servers] = [0, [], new Set()]
  let going = true
  process.stdin.on('data', () => {
    console.log(JSON.stringify({ count, failures, servers: [...servers] }))
    ;[count, failures, servers] = [0, [], new Set()]
  })
  process.stdin.on('end', () => {
    going = false
  })
  const client = async () => {
    while (going) {
      const { answer, error } = await ask(host, port, Number(patience))
      count++
      if (error === undefined) servers.add(answer.replace('::ffff:', ''))
      else failures.push(error)
    }
  }
  await Promise.all(Array.from({ length: Number(parallel) }, client))
}

const [mode, ...args] = process.argv.slice(2)
await (mode === 'serve' ? serve : connectAll)(...args)
