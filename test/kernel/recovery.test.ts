// The module unloaded under a client, a kernel that blocks, and a table that will not hold still.
// SPDX-License-Identifier: MIT

import { execFileSync } from 'node:child_process'
import { chmodSync, closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { Ipvs, IpvsSync } from '../../lib/index.ts'
import { loadsItself, namespace, open } from './namespace.ts'

const web = { protocol: 'tcp', address: '192.0.2.10', port: 80 } as const
const MODPROBE = '/proc/sys/kernel/modprobe'

/** Makes the kernel load modules through another program, for the length of a test. */
const loadModulesWith = (program: string): void => {
  const before = readFileSync(MODPROBE, 'utf8').trim()
  writeFileSync(MODPROBE, program)
  onTestFinished(() => writeFileSync(MODPROBE, before))
}

/** Unloads ip_vs and all that needs it; namespaces that are gone let go of it only after a while. */
const unload = async (): Promise<void> => {
  const loaded = (): string[] =>
    readFileSync('/proc/modules', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[0]!)
      .filter((name) => name.startsWith('ip_vs'))
  for (let tries = 0; loaded().length > 0; tries++) {
    if (tries === 50) throw new Error(`still loaded: ${loaded()}`)
    for (const name of loaded().sort((a, b) => b.length - a.length)) {
      try {
        execFileSync('rmmod', [name], { stdio: 'ignore' })
      } catch {}
    }
    await sleep(100)
  }
}

test('a client survives the module being unloaded and loaded again', async () => {
  const ipvs = await Ipvs.open()
  onTestFinished(() => ipvs.close())
  await ipvs.info()
  await unload()
  if (!loadsItself) {
    await expect(ipvs.info()).rejects.toMatchObject({ reason: 'ipvs-unavailable' })
    execFileSync('modprobe', ['ip_vs'])
  }
  // The number of the family is another now; asking for it loads the module.
  expect(await ipvs.info()).toMatchObject({ version: '1.2.1' })
  await unload()
  if (!loadsItself) onTestFinished(() => void execFileSync('modprobe', ['ip_vs']))
  loadModulesWith('/bin/false')
  await expect(ipvs.info()).rejects.toMatchObject({ reason: 'ipvs-unavailable', code: 'ENOENT' })
  await expect(Ipvs.open()).rejects.toThrow(/no IPVS.*modprobe ip_vs/)
})

test('a kernel that blocks past the deadline: outcome unknown, nothing sent meanwhile, usable afterwards', async () => {
  const ipvs = await Ipvs.open({ netns: namespace().path, deadline: 1000 })
  onTestFinished(() => ipvs.close())
  const slow = '/tmp/slow-modprobe'
  writeFileSync(slow, '#!/bin/sh\nsleep 6\n')
  chmodSync(slow, 0o755)
  loadModulesWith(slow)
  const start = Date.now()
  const blocked = ipvs.services.add({ ...web, scheduler: 'nope' })
  const behind = ipvs.services.list()
  await expect(blocked).rejects.toMatchObject({ reason: 'outcome-unknown', code: 'ETIMEDOUT' })
  await expect(behind).rejects.toMatchObject({ reason: 'not-sent' })
  await expect(ipvs.info()).rejects.toMatchObject({ reason: 'not-sent' })
  expect(Date.now() - start).toBeLessThan(5500)
  // Some seconds later the kernel is back.
  const listed = () => ipvs.services.list().catch(({ reason }) => reason)
  await expect.poll(listed, { timeout: 30_000, interval: 200 }).toEqual([])
})

test('however long the kernel takes inside sendmsg, what it answered is taken', async () => {
  const ipvs = IpvsSync.open({ netns: namespace().path, deadline: 100 })
  onTestFinished(() => ipvs.close())
  const slow = '/tmp/slow-modprobe'
  writeFileSync(slow, '#!/bin/sh\nsleep 1\n')
  chmodSync(slow, 0o755)
  loadModulesWith(slow)
  expect(() => ipvs.services.add({ ...web, scheduler: 'nope' })).toThrow(
    expect.objectContaining({ reason: 'no-such-scheduler' }),
  )
})

test('open does not wait without end for a module', async () => {
  await unload()
  if (!loadsItself) onTestFinished(() => void execFileSync('modprobe', ['ip_vs']))
  const slow = '/tmp/slow-modprobe'
  writeFileSync(slow, '#!/bin/sh\nsleep 4\n')
  chmodSync(slow, 0o755)
  loadModulesWith(slow)
  await expect(Ipvs.open({ deadline: 200 })).rejects.toMatchObject({ code: 'ETIMEDOUT', command: 'open' })
  await sleep(6000) // until the kernel is back, and the sockets are closed
})

test('a lowered default of receive buffers changes nothing', async () => {
  const usual = '/proc/sys/net/core/rmem_default'
  const before = readFileSync(usual, 'utf8')
  writeFileSync(usual, '32768')
  onTestFinished(() => writeFileSync(usual, before))
  const ipvs = await open()
  const calls = Array.from({ length: 256 }, (_, i) => ipvs.services.delete({ ...web, port: 1 + i }))
  const reasons = (await Promise.allSettled(calls)).map((s) =>
    s.status === 'rejected' ? s.reason.reason : 'ok',
  )
  expect(new Set(reasons)).toEqual(new Set(['no-such-service']))
})

test('a namespace by descriptor, which may be closed at once', async () => {
  const netns = namespace()
  const fd = openSync(netns.path, 'r')
  const ipvs = await Ipvs.open({ netns: fd })
  closeSync(fd)
  await ipvs.services.add(web)
  expect(netns.ipvsadm('-Sn')).toContain('192.0.2.10:80')
  await ipvs.close()
})

test('snapshots under churn: nothing twice, nothing of the untouched missing', async () => {
  const netns = namespace()
  const ipvs = await open(netns.path)
  const untouched = Array.from({ length: 400 }, (_, i) => ({ ...web, port: 1000 + i }))
  await Promise.all([
    ...untouched.map((service) => ipvs.services.add(service)),
    ...untouched.map((service) => ipvs.destinations.add(service, { address: '10.0.0.1' })),
  ])
  const churn = new Worker(fileURLToPath(new URL('churn.mjs', import.meta.url)), { workerData: netns.path })
  await new Promise((resolve) => churn.once('message', resolve))
  let unstable = 0
  for (let round = 0; round < 10; round++) {
    const { services, stable } = await ipvs.snapshot()
    const names = services.map(({ port, fwmark }) => port ?? `mark ${fwmark}`)
    expect(new Set(names).size).toBe(names.length)
    for (const { port } of untouched) expect(names).toContain(port)
    for (const { port, destinations } of services) {
      if (port! < 2000) expect(destinations).toHaveLength(1)
    }
    if (!stable) unstable++
  }
  await churn.terminate()
  // The table was changing all the time, and the snapshot says so at least once.
  expect(unstable).toBeGreaterThan(0)
  const { services, stable } = await ipvs.snapshot()
  expect(stable).toBe(true)
  expect(services.filter(({ port }) => port! < 2000)).toHaveLength(400)
})
