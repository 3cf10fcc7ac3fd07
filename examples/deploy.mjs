// Replaces the real servers of a service one after the other: drains each, runs a command, waits for it, brings it back.
// SPDX-License-Identifier: MIT
//
//   node deploy.mjs VIP PORT COMMAND
//   node deploy.mjs 192.0.2.10 80 'ssh "$SERVER" systemctl restart shop'
//
// COMMAND runs in a shell with SERVER and SERVER_PORT in its environment. The server has to answer HTTP afterwards.
// When anything fails the deployment ends there: that server stays quiesced, those after it are as they were. A server
// that has the weight 0 already is left alone: somebody else took it out. The last one that serves is not touched.
import { spawnSync } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import { drain, Ipvs, undrain } from 'ipvs'

const MINUTE = 60_000

const [vip, port, command] = process.argv.slice(2)
if (command === undefined) throw new Error('usage: node deploy.mjs VIP PORT COMMAND')
/** @type {import('ipvs').ServiceKey} */
const service = { protocol: 'tcp', address: vip, port: Number(port) }

/** Resolves when a server answers with a good status. */
async function healthy({ address, port, family }) {
  const url = `http://${family === 'ipv6' ? `[${address}]` : address}:${port}/`
  for (const deadline = Date.now() + MINUTE; ; await setTimeout(200)) {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(5000) })
      await answer.arrayBuffer()
      if (answer.ok) return
      throw new Error(`status ${answer.status}`)
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`${url}: ${error.cause?.message ?? error.message}`)
    }
  }
}

async function replace(server) {
  // no-active: closed connections, which the kernel remembers for two minutes more, are nothing to wait for.
  let last
  for await (last of drain(ipvs, service, server, {
    until: 'no-active',
    keep: 'always',
    deadline: 5 * MINUTE,
  }))
    console.log(`${server.address}: ${last.state}, ${last.left} connections left`)
  if (last.state !== 'drained') throw new Error(`not drained: ${last.state}`)
  const env = { ...process.env, SERVER: server.address, SERVER_PORT: `${server.port}` }
  const { status, signal, error } = spawnSync(command, { shell: true, stdio: 'inherit', env })
  if (status !== 0) throw new Error(`the command failed: ${error?.message ?? signal ?? `status ${status}`}`)
  await healthy(server)
  await undrain(ipvs, service, server, server.weight)
  console.log(`${server.address}: serves with weight ${server.weight}`)
}

const ipvs = await Ipvs.open()
try {
  for (const { address, port } of await ipvs.destinations.list(service)) {
    // As it is now: those before it took their time.
    const servers = await ipvs.destinations.list(service)
    const server = servers.find((one) => one.address === address && one.port === port)
    if (server === undefined || server.weight === 0) {
      console.log(`${address}: left alone, ${server === undefined ? 'it is gone' : 'its weight is 0'}`)
      continue
    }
    const serving = servers.filter(({ weight }) => weight > 0)
    if (serving.length < 2)
      throw new Error(`${server.address}: no other server serves, clients would be refused`)
    await replace(server).catch((error) => {
      const back = `ipvs undrain -t ${vip}:${port} -r ${server.address}:${server.port} -w ${server.weight}`
      throw new Error(`${server.address}: ${error.message}\nWhen it is well again: ${back}`)
    })
  }
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
await ipvs.close()
