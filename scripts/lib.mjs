// What the set-up, build and test-machine scripts share. Runs before `npm ci`: Node and nothing else.
// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The top of the checkout. */
export const root = resolve(fileURLToPath(import.meta.url), '../..')

/** Kernels and initramfs images live here, outside the checkout: they survive a fresh clone. */
export const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'ipvs-test')

/** True in the module that was named on the command line. */
export const isMain = (meta) =>
  process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(meta.url)

/** A failure whose message is all that the user needs: command lines print it without a stack. */
export class Problem extends Error {
  name = 'Problem'
}

/** Runs a command line's main function; a Problem ends it with its message and `status`. */
export async function main(meta, body, status = 1) {
  if (!isMain(meta)) return
  try {
    process.exitCode = (await body(process.argv.slice(2))) ?? 0
  } catch (error) {
    console.error(error instanceof Problem ? error.message : error)
    process.exitCode = status
  }
}

/** The path of a program, or undefined. An ordinary user's PATH has no sbin, where kmod's tools are. */
export function which(program) {
  for (const dir of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']) {
    const path = join(dir, program)
    try {
      accessSync(path, constants.X_OK)
      if (dir !== '' && statSync(path).isFile()) return path
    } catch {
      // Not here.
    }
  }
  return undefined
}

/** The values of /etc/os-release. */
export function osRelease() {
  const text = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
  const pairs = text.split('\n').map((line) => /^(\w+)="?([^"]*)"?$/.exec(line))
  return Object.fromEntries(pairs.filter(Boolean).map(([, name, value]) => [name, value]))
}

/** Runs a program to its end. Silent on success; on failure the Problem carries all that it printed. */
export function run(command, args, { cwd = root, env, input } = {}) {
  return new Promise((done, failed) => {
    const chunks = []
    const out = []
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    child.stdout.on('data', (chunk) => {
      chunks.push(chunk)
      out.push(chunk)
    })
    child.stderr.on('data', (chunk) => chunks.push(chunk))
    child.stdin?.on('error', () => {}) // A program may end without reading all: its status tells.
    child.stdin?.end(input)
    child.on('error', (error) => failed(new Problem(`${command}: ${error.message}`)))
    child.on('close', (code, signal) => {
      if (code === 0) return done(Buffer.concat(out))
      const printed = Buffer.concat(chunks).toString().trimEnd()
      failed(
        new Problem(`${printed}\n${[command, ...args].join(' ')}: failed (${signal ?? `status ${code}`})`),
      )
    })
  })
}

/** The newest change below `paths` in milliseconds. Folders count too: a deleted file changes its folder. */
export function newestChange(paths) {
  let newest = 0
  for (const path of paths) {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat === undefined) continue
    newest = Math.max(newest, stat.mtimeMs)
    if (stat.isDirectory())
      newest = Math.max(newest, newestChange(readdirSync(path).map((n) => join(path, n))))
  }
  return newest
}
