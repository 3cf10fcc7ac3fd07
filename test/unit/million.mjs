// Reads a million connections, in the kernel's format, from a file made for that; prints what was seen and its memory.
// SPDX-License-Identifier: MIT
import { once } from 'node:events'
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connections } from '../../dist/index.js'

const LINES = 1_000_000
const hex = (value, width) => value.toString(16).toUpperCase().padStart(width, '0')
const six = (last) =>
  `2001:0db8:0000:0000:0000:0000:${hex(last >>> 16, 4)}:${hex(last & 0xffff, 4)}`.toLowerCase()
const states = ['ESTABLISHED', 'SYN_RECV', 'TIME_WAIT', 'FIN_WAIT']

/** One in five of IPv6; client, port, server, state and expiry follow from the number of the line. */
const line = (i) => {
  const rest = `${states[i % 4].padEnd(11)} ${`${i % 900}`.padStart(7)}\n`
  const port = hex(i % 65536, 4)
  return i % 5 === 0
    ? `TCP ${six(i)} ${port} ${six(1)} 01BB ${six(i % 50)} 01BB ${rest}`
    : `TCP ${hex(0x0a00_0000 + i, 8)} ${port} C000020A 0050 ${hex(0x0a80_0000 + (i % 200), 8)} 1F90 ${rest}`
}

const folder = mkdtempSync(join(tmpdir(), 'ipvs-million-'))
const file = join(folder, 'ip_vs_conn')
try {
  const output = createWriteStream(file)
  output.write('Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n')
  for (let i = 0; i < LINES; i += 1000) {
    const text = Array.from({ length: 1000 }, (_, k) => line(i + k)).join('')
    if (!output.write(text)) await once(output, 'drain')
  }
  output.end()
  await once(output, 'finish')

  let [wrong, i, rss] = [0, 0, 0]
  const before = process.memoryUsage().rss
  const start = performance.now()
  for await (const { client, destination, state, expires, family } of connections({ file })) {
    const host =
      family === 'ipv4' ? client.address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) : 0
    const isRight =
      client.port === i % 65536 &&
      expires === i % 900 &&
      state === states[i % 4] &&
      destination.port === (i % 5 === 0 ? 443 : 8080) &&
      host === (i % 5 === 0 ? 0 : 0x0a00_0000 + i)
    if (!isRight) wrong++
    if (i++ % 10_000 === 0) rss = Math.max(rss, process.memoryUsage().rss)
  }
  const read = performance.now()
  let few = 0
  for await (const _ of connections({ file, destination: { address: '10.128.0.7' }, state: 'FIN_WAIT' }))
    few++
  const filtered = performance.now()
  const mebibytes = (bytes) => Math.round(bytes / 2 ** 20)
  console.log(
    JSON.stringify({
      lines: i,
      wrong,
      few,
      before: mebibytes(before),
      rss: mebibytes(rss),
      perSecond: Math.round((i / (read - start)) * 1000),
      filteredPerSecond: Math.round((i / (filtered - read)) * 1000),
    }),
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}
