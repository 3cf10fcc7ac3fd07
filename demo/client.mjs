// The client: makes HTTP requests when the demo's director asks, and counts which server answered.
// SPDX-License-Identifier: MIT
import { get } from 'node:http'

const url = process.argv[2]
const atOnce = 6
// Never the same twice, as can happen where the kernel chooses: IPVS still knows the connection that had the port
// before, and sends the new one the same way.
let localPort = 20000

/** A new connection each time: it is connections that IPVS balances. */
function request(path) {
  return new Promise((done, failed) => {
    const sent = get(`${url}${path}`, { agent: false, localPort: localPort++, timeout: 4000 }, done)
    sent.on('timeout', () => sent.destroy(Object.assign(new Error('timeout'), { code: 'no answer' })))
    sent.on('error', failed)
  })
}

/** The name of the server that answers; of the error if none does. */
async function whoAnswers() {
  try {
    const response = await request('/')
    const chunks = await response.toArray()
    return Buffer.concat(chunks).toString().trim()
  } catch (error) {
    return error.code ?? error.message
  }
}

let held
let heard = 0

const verbs = {
  /** Makes `count` requests; resolves with how many each server answered. */
  async requests(count) {
    const answers = {}
    let left = count
    const work = async () => {
      while (left-- > 0) {
        const name = await whoAnswers()
        answers[name] = (answers[name] ?? 0) + 1
      }
    }
    await Promise.all(Array.from({ length: atOnce }, work))
    return answers
  },

  /** Opens streams until one comes from the server of that name, and keeps it; resolves with those tried. */
  async hold(wanted) {
    const answers = {}
    for (let tries = 0; tries < 20; tries++) {
      const response = await request('/stream')
      const name = await new Promise((done) => response.once('data', (chunk) => done(`${chunk}`.trim())))
      answers[name] = (answers[name] ?? 0) + 1
      response.on('error', () => {}) // Its end is our own doing.
      if (name === wanted) {
        held = response
        held.on('data', () => heard++)
        return answers
      }
      response.destroy()
    }
    throw new Error(`no stream from ${wanted}`)
  },

  /** How many lines the kept stream has brought. */
  heard: () => heard,

  /** Closes the kept stream. */
  release: () => {
    held.destroy()
  },
}

process.on('message', async ([verb, ...args]) => {
  try {
    process.send({ result: await verbs[verb](...args) })
  } catch (error) {
    process.send({ error: error.message })
  }
})
process.on('disconnect', () => process.exit())
process.send('ready')
