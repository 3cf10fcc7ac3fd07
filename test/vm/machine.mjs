// The test machine: boots a kernel in QEMU over this host's files and runs one command in it as root.
// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Problem, which } from '../../scripts/lib.mjs'
import { bootFiles } from './bootfiles.mjs'
import { findKernel } from './kernel.mjs'
import { findComplaints } from './kernellog.mjs'
import { untilMarker } from './marker.mjs'

/** Statuses that are not the command's own: 124 as of timeout(1), 125 as of env(1). */
export const TIMED_OUT = 124
export const NO_VERDICT = 125

const carried = ['PATH', 'HOME', 'TERM', 'CI']
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`
const read = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : '')

/** /tmp and /run are fresh in the guest: of those on the host only the folders in use are seen there. */
function keptFolders(paths) {
  return new Set(paths.flatMap((path) => /^\/(?:tmp|run)\/[^/]+/.exec(path)?.[0] ?? []))
}

/** What init sources, and the command that it runs. */
function writeOrders(dir, { command, cwd, env, shares, modules, marker }) {
  const keep = keptFolders([cwd, modules, realpathSync(process.execPath), ...shares])
  const settings = [
    `marker=${quoted(marker)} modules=${quoted(modules)} hostname=ipvs-test`,
    `keep_all() { :; ${[...keep].map((path) => `keep ${quoted(path)}; `).join('')}}`,
    `share_all() { :; ${shares.map((path, i) => `share share${i} ${quoted(path)}; `).join('')}}`,
  ]
  writeFileSync(join(dir, 'settings'), `${settings.join('\n')}\n`)
  const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  // By its path: busybox's shell would run its own env, which knows no -C.
  const words = ['-i', '-C', cwd, ...assignments, ...command]
  writeFileSync(join(dir, 'job'), `exec /usr/bin/env ${words.map(quoted).join(' ')}\n`)
}

function qemuArguments({ image, initramfs, dir, memory, cpus, shares, append }) {
  const folder = (id, path, options) => [
    ...['-fsdev', `local,id=${id},path=${path.replaceAll(',', ',,')},security_model=none,${options}`],
    ...['-device', `virtio-9p-pci,fsdev=${id},mount_tag=${id}`],
  ]
  // Sockets that this process holds the other end of: descriptors 3 and 4 of the child.
  const stream = (id, fd) => [
    ...['-chardev', `socket,id=${id},fd=${fd}`],
    ...['-device', `virtserialport,chardev=${id},name=${id},nr=${fd - 2}`],
  ]
  // Long lockup limits: a busy host starves an emulated machine, and that is no fault of the kernel's.
  const line = `console=ttyS0 panic=-1 loglevel=5 mitigations=off tsc=reliable random.trust_cpu=on
    log_buf_len=4M watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120 ${append}`
  return [
    // Emulation always: where KVM is offered inside another machine it may hang instead of fail.
    ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-m', `${memory}`],
    ...['-smp', `${cpus},sockets=${cpus}`], // A kernel without ACPI is told of one processor a socket.
    ...['-machine', 'pc,acpi=on,usb=off,vmport=off,hpet=off', '-nodefaults', '-no-user-config'],
    ...['-display', 'none', '-no-reboot', '-nic', 'none', '-monitor', 'none'],
    ...['-kernel', image, '-initrd', initramfs, '-append', line.replaceAll(/\s+/g, ' ').trim()],
    ...['-serial', `file:${join(dir, 'console')}`],
    ...folder('host', '/', 'readonly=on,multidevs=remap'),
    ...folder('vm', dir, 'multidevs=remap'),
    ...shares.flatMap((path, i) => folder(`share${i}`, path, 'multidevs=remap')),
    ...['-device', 'virtio-serial-pci', ...stream('out', 3), ...stream('err', 4)],
  ]
}

/** Calls `end` at a signal or at exit, and lets the signal do what it would have done without us. */
function onSignals(end) {
  const handlers = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((name) => [
    name,
    () => {
      end()
      process.kill(process.pid, name)
    },
  ])
  const onExit = () => end()
  for (const [name, handler] of handlers) process.once(name, handler)
  process.once('exit', onExit)
  return () => {
    for (const [name, handler] of handlers) process.off(name, handler)
    process.off('exit', onExit)
  }
}

/** Starts QEMU and waits for a verdict, its end, or the time limit: 'verdict' | 'died' | 'timeout'. */
async function boot(args, { dir, marker, stdout, stderr, timeout }) {
  // The kernel kills QEMU when this process dies, however that happens. Detached, so that Ctrl-C
  // reaches this process alone and is not mistaken for a machine that died.
  const qemu = spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'qemu-system-x86_64', ...args], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    detached: true,
  })
  let said = ''
  qemu.stderr.on('data', (chunk) => {
    said += chunk
  })
  const kill = () => qemu.kill('SIGKILL')
  const forget = onSignals(() => {
    kill()
    rmSync(dir, { recursive: true, force: true })
  })
  let limit
  let poll
  const closed = new Promise((done) => {
    qemu.on('error', (error) => {
      said += error.message
      done('died')
    })
    qemu.on('close', () => done('died'))
  })
  const expired = new Promise((done) => {
    if (timeout > 0) limit = setTimeout(done, timeout * 1000, 'timeout')
  })
  const verdict = Promise.all([
    untilMarker(qemu.stdio[3], marker, stdout),
    untilMarker(qemu.stdio[4], marker, stderr),
  ]).then(
    () =>
      new Promise((done) => {
        poll = setInterval(() => existsSync(join(dir, 'status')) && done('verdict'), 20)
      }),
  )
  const outcome = await Promise.race([verdict, closed, expired])
  kill()
  await closed
  clearTimeout(limit)
  clearInterval(poll)
  forget()
  return { outcome, said: said.trim() }
}

/** Collects what is written to it. */
function collector() {
  const chunks = []
  return { write: (chunk) => chunks.push(chunk) > 0, text: () => Buffer.concat(chunks).toString() }
}

const tail = (text, count) => text.trimEnd().split('\n').slice(-count)
const indented = (lines) => lines.map((line) => `\n  ${line.trimEnd()}`).join('')

/** Says in words what makes the run a failure apart from the command's own status. */
function findProblems({ outcome, said, timeout, serial, kernelLog, leaks }) {
  const problems = []
  const complaints = findComplaints(kernelLog)
  const end = indented(tail(serial, complaints.length > 0 ? 10 : 40)) // The complaints are most of it.
  if (outcome === 'timeout') problems.push(`time limit of ${timeout} s; the end of the console:${end}`)
  if (outcome === 'died') {
    problems.push(
      `the machine ended without a verdict.${said === '' ? '' : ` QEMU: ${said}.`} The console:${end}`,
    )
  }
  if (complaints.length > 0) problems.push(`the kernel complained:${indented(complaints)}`)
  if (leaks.length > 0) problems.push(`leaked module reference:${indented(leaks)}`)
  return problems
}

/**
 * Runs `command` (an array) in the machine.
 *
 * Options: kernel (see findKernel), cwd, env (added to PATH, HOME, TERM and CI of this process),
 * timeout in seconds (0 for none), memory in MB, cpus, shares (folders that the guest may write),
 * append (to the kernel command line), keepLog (a file for the kernel's log), capture (return the
 * output instead of streaming it).
 *
 * Returns { status, outcome, commandStatus, problems, kernelLog, seconds, release, stdout, stderr }.
 * `status` is 0 only if the command's was and there is no problem; problems are also printed.
 */
export async function runInVm({
  command,
  kernel,
  cwd = process.cwd(),
  env = {},
  timeout = 300,
  memory = 2048,
  cpus = 1,
  shares = [],
  append = '',
  keepLog,
  capture = false,
}) {
  const started = performance.now()
  const missing = ['setpriv', 'qemu-system-x86_64'].filter((name) => which(name) === undefined)
  if (missing.length > 0) throw new Problem(`no ${missing.join(' and no ')} here: node scripts/setup.mjs`)
  const chosen = findKernel(kernel)
  const files = bootFiles(chosen)
  const marker = `\x01end of ${randomUUID()}\x01`
  const folders = shares.map((path) => realpathSync(path))
  const inherited = carried.flatMap((name) =>
    process.env[name] === undefined ? [] : [[name, process.env[name]]],
  )
  const environment = { ...Object.fromEntries(inherited), ...env }
  environment.PATH = `${environment.PATH ?? '/usr/local/bin:/usr/bin:/bin'}:/usr/sbin:/sbin`
  const [stdout, stderr] = capture ? [collector(), collector()] : [process.stdout, process.stderr]

  const dir = mkdtempSync(join(tmpdir(), 'ipvs-vm-'))
  try {
    writeOrders(dir, {
      command,
      cwd: resolve(cwd),
      env: environment,
      shares: folders,
      modules: chosen.modules,
      marker,
    })
    const args = qemuArguments({ ...files, dir, memory, cpus, shares: folders, append })
    const { outcome, said } = await boot(args, { dir, marker, stdout, stderr, timeout })

    const serial = read(join(dir, 'console')).replaceAll('\r', '')
    // Both: only the console has what a dying kernel said, only dmesg has the quieter messages.
    const log = read(join(dir, 'dmesg'))
    const seen = new Set(log.split('\n'))
    const kernelLog =
      log +
      serial
        .split('\n')
        .filter((line) => !seen.has(line))
        .join('\n')
    if (keepLog !== undefined) writeFileSync(keepLog, kernelLog)
    const leaks = read(join(dir, 'leaks')).split('\n').filter(Boolean)
    const commandStatus = outcome === 'verdict' ? Number.parseInt(read(join(dir, 'status')), 10) : undefined
    const problems = findProblems({ outcome, said, timeout, serial, kernelLog, leaks })
    for (const problem of problems) stderr.write(`vm: ${problem}\n`)

    let status = commandStatus || (problems.length > 0 ? NO_VERDICT : 0)
    if (Number.isNaN(commandStatus))
      throw new Problem('vm: the machine wrote an empty verdict: is the disk full?')
    if (outcome === 'timeout') status = TIMED_OUT
    return {
      ...{ status, outcome, commandStatus, problems, kernelLog, release: chosen.release },
      seconds: (performance.now() - started) / 1000,
      ...(capture ? { stdout: stdout.text(), stderr: stderr.text() } : {}),
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
