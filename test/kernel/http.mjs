// An HTTP server, or clients that ask again and again: node http.mjs serve ADDRESS PORT ANSWER | ask URL | slow URL COUNT
// SPDX-License-Identifier: MIT
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'

const PARALLEL = 4
/** Milliseconds after an answer, for the others on this machine. */
const PAUSE = 50
const PATIENCE = 20_000

function serve(address, port, answer) {
  createServer((_, response) => response.end(answer)).listen(Number(port), address, () =>
    console.log('ready'),
  )
}

/** The answer; throws where there was none. A new connection each time: it is connections that IPVS balances. */
const answerOf = (url, send) =>
  new Promise((done, failed) => {
    const asking = request(
      url,
      { agent: false, timeout: PATIENCE, method: send ? 'POST' : 'GET' },
      (response) => text(response).then((answer) => done(answer.trim()), failed),
    )
    asking.on('timeout', () => asking.destroy(new Error('no answer')))
    asking.on('error', failed)
    if (send) send(asking)
    else asking.end()
  })

let [answers, failures] = [{}, []]
const count = async (url, send) => {
  try {
    const answer = await answerOf(url, send)
    answers[answer] = (answers[answer] ?? 0) + 1
  } catch (error) {
    failures.push(error.code ?? error.message)
  }
}

/** Prints what it has seen whenever a line comes in, and begins to count anew. */
function ask(url) {
  process.stdin.on('data', () => {
    console.log(JSON.stringify({ answers, failures }))
    ;[answers, failures] = [{}, []]
  })
  const client = async () => {
    for (;;) {
      await count(url)
      await setTimeout(PAUSE)
    }
  }
  return Promise.all(Array.from({ length: PARALLEL }, client))
}

/** Begins requests, sends on all of them until a line comes in, ends them and prints the answers. */
async function slow(url, number) {
  const end = once(process.stdin, 'data')
  const send = async (asking) => {
    const timer = setInterval(() => asking.write('x'), 100)
    await end
    clearInterval(timer)
    asking.end()
  }
  await Promise.all(Array.from({ length: Number(number) }, () => count(url, send)))
  console.log(JSON.stringify({ answers, failures }))
  process.exit()
}

const [mode, ...args] = process.argv.slice(2)
await { serve, ask, slow }[mode](...args)
