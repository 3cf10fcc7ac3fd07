// The system as DKMS sees it: programs run, files read, modules loaded.
// SPDX-License-Identifier: MIT

import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import {
  debianPackage,
  isSecureBootVariable,
  moduleNames,
  packageName,
  parseRegistrations,
  parseServices,
  parseSettings,
  type Registration,
} from './dkms-facts.js'

// Users' PATHs often lack sbin.
const path = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'].filter((dir) => dir !== '')

export const hasProgram = (name: string): boolean =>
  path.some((dir) => {
    try {
      accessSync(join(dir, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

export interface Outcome {
  readonly ok: boolean
  readonly stdout: string
  /** Both streams, for a message. */
  readonly said: string
}

/** Runs a program without a shell. A program that is not there is a failure like any other. */
export const run = (program: string, ...args: string[]): Promise<Outcome> =>
  new Promise((resolve) => {
    const env = { ...process.env, PATH: path.join(delimiter), LC_ALL: 'C' }
    execFile(program, args, { env, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      const said = `${stdout}${stderr}`.trim()
      resolve({ ok: error === null, stdout, said: said === '' ? (error?.message ?? '') : said })
    })
  })

/** The text of a file, '' if there is none. */
export const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

const names = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

export const registrations = async (): Promise<readonly Registration[]> =>
  parseRegistrations((await run('dkms', 'status', packageName)).stdout)

export const isDebianPackageInstalled = async (): Promise<boolean> =>
  /^Status: .* installed$/m.test((await run('dpkg-query', '-s', debianPackage)).stdout)

/** What a module file of that kernel says of itself: its version or srcversion; '' if there is none. */
export const moduleField = async (kernel: string, name: string, field: string): Promise<string> =>
  (await run('modinfo', '-k', kernel, '-F', field, name)).stdout.trim()

/** Where DKMS keeps the certificate of its signing key; Ubuntu has it with the boot loader. */
export const certificate = (): string => {
  const more = '/etc/dkms/framework.conf.d'
  const files = ['/etc/dkms/framework.conf', ...names(more).map((name) => join(more, name))]
  const { mok_certificate } = parseSettings(files.map(read).join('\n'))
  const shim = '/var/lib/shim-signed/mok/MOK.der'
  return mok_certificate ?? (existsSync(shim) ? shim : '/var/lib/dkms/mok.pub')
}

const isSecureBootOn = async (): Promise<boolean> => {
  const said = (await run('mokutil', '--sb-state')).stdout
  if (/SecureBoot (en|dis)abled/.test(said)) return /SecureBoot enabled/.test(said)
  const folder = '/sys/firmware/efi/efivars'
  const variable = names(folder).find((name) => name.startsWith('SecureBoot-'))
  return variable !== undefined && isSecureBootVariable(readFileSync(join(folder, variable)))
}

/** True if a module that DKMS has signed would be refused. */
export const isKeyMissing = async (): Promise<boolean> => {
  if (!(await isSecureBootOn())) return false
  return !/is already enrolled/.test((await run('mokutil', '--test-key', certificate())).said)
}

/** The services that use a module, in every network namespace that can be found. */
export const servicesOf = async (name: string): Promise<readonly string[]> => {
  const seen = new Set<string>()
  const found: string[] = []
  for (const pid of names('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const namespace = readlinkSync(`/proc/${pid}/ns/net`)
      if (seen.has(namespace)) continue
      seen.add(namespace)
      found.push(...parseServices(read(`/proc/${pid}/net/${name}`)))
    } catch {
      // The process has ended.
    }
  }
  for (const namespace of names('/run/netns')) {
    const file = join('/run/netns', namespace)
    // A link to a container's namespace dangles when the container has ended.
    const inode = statSync(file, { throwIfNoEntry: false })?.ino
    if (inode === undefined || seen.has(`net:[${inode}]`)) continue
    const { stdout } = await run('nsenter', `--net=${file}`, 'cat', `/proc/net/${name}`)
    found.push(...parseServices(stdout).map((service) => `${service} in namespace ${namespace}`))
  }
  return found
}

/** What is left on disk of any version, for any kernel. */
export const leftovers = (): readonly string[] => {
  const folders = ['updates/dkms', 'updates', 'extra']
  const modules = names('/lib/modules').flatMap((kernel) =>
    folders.flatMap((folder) =>
      names(join('/lib/modules', kernel, folder))
        .filter((file) => moduleNames.some((name) => file.startsWith(`${name}.ko`)))
        .map((file) => join('/lib/modules', kernel, folder, file)),
    ),
  )
  const sources = names('/usr/src').filter((name) => name.startsWith(`${packageName}-`))
  const state = join('/var/lib/dkms', packageName)
  return [...sources.map((name) => join('/usr/src', name)), ...modules, ...(existsSync(state) ? [state] : [])]
}
