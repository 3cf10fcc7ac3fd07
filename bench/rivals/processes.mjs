// Runs programs one after the other, as a Node program does that has no client, and prints the milliseconds of each.
// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'

/** From spawn() to the end of its output; what it prints is read and thrown away. */
function execute({ command, args, input }) {
  return new Promise((resolve, reject) => {
    const start = performance.now()
    const child = spawn(command, args, {
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'inherit'],
    })
    child.stdin?.end(input)
    child.stdout.resume()
    child.on('error', reject)
    child.on('close', (status) => {
      if (status === 0) resolve(performance.now() - start)
      else reject(new Error(`${command} ${args.join(' ')}: status ${status}`))
    })
  })
}

const { jobs, repeat } = JSON.parse(await text(process.stdin))
const times = []
for (let i = 0; i < repeat; i++) for (const job of jobs) times.push(await execute(job))
console.log(JSON.stringify(times))
