// `ipvs dkms`: builds, installs and loads the schedulers for this machine's kernels, and takes them away.
// SPDX-License-Identifier: MIT

import { existsSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import {
  debianPackage,
  enrolment,
  familyOf,
  isUpToDate,
  type Loaded,
  lacksIpvs,
  loadFailure,
  missing,
  moduleNames,
  packageName,
  parseLoaded,
  parseSettings,
  type Requirement,
  type Status,
  statusText,
} from './dkms-facts.js'
import {
  certificate,
  hasProgram,
  isDebianPackageInstalled,
  isKeyMissing,
  leftovers,
  moduleField,
  read,
  registrations,
  run,
  servicesOf,
} from './dkms-system.js'
import { Failure, listed, UsageError, unknownCommand } from './failure.js'

const usage = `usage: ipvs dkms install [--kernel RELEASE] [--json]
       ipvs dkms status [--json]
       ipvs dkms remove [--json]

install  builds the schedulers msh, maglev and hrw with DKMS for the running kernel or RELEASE, so that
         later kernels get them too; loads them, and checks that the version is this package's
status   what DKMS has of which version for which kernel, and what is loaded
remove   unloads and removes every version for every kernel; refuses while a service uses one

--json   the result as JSON; progress goes to the standard error
Exit status: 0 done, 1 failed, 2 the command line is wrong.
`

const kmod = fileURLToPath(new URL('../../kmod', import.meta.url))

/** Of the modules; the same as the npm package's. */
const version = (): string => {
  const { PACKAGE_VERSION } = parseSettings(readFileSync(`${kmod}/dkms.conf`, 'utf8'))
  if (PACKAGE_VERSION === undefined) throw new Failure(`no version in ${kmod}/dkms.conf`)
  return PACKAGE_VERSION
}

const progress = (line: string): void => console.error(line)

const requireRoot = (command: string): void => {
  if (process.getuid?.() === 0) return
  throw new Failure(
    `needs root: sudo ${process.execPath} ${fileURLToPath(new URL('main.js', import.meta.url))} dkms ${command}`,
  )
}

const requireOwnInstallation = async (): Promise<void> => {
  if (!(await isDebianPackageInstalled())) return
  throw new Failure(
    `the Debian package ${debianPackage} has installed the schedulers: apt-get purge ${debianPackage}`,
  )
}

const requireTools = (kernel: string): void => {
  const headers = `/lib/modules/${kernel}/build`
  const requirements: Readonly<Record<Requirement, boolean>> = {
    make: hasProgram('make'),
    compiler: ['gcc', 'cc', 'clang'].some(hasProgram),
    dkms: hasProgram('dkms'),
    headers: existsSync(`${headers}/Makefile`),
  }
  const absent = (Object.keys(requirements) as Requirement[]).filter((name) => !requirements[name])
  if (absent.includes('headers') && !existsSync(`/lib/modules/${kernel}`)) {
    throw new Failure(
      `kernel ${kernel} is not installed here: on the host of a container, or with --kernel and a name in /lib/modules`,
    )
  }
  if (absent.length > 0) {
    throw new Failure(missing(absent, kernel, familyOf(parseSettings(read('/etc/os-release')))))
  }
  const config = read(`${headers}/.config`)
  if (config !== '' && lacksIpvs(config)) {
    throw new Failure(`kernel ${kernel} was built without IPVS (CONFIG_IP_VS)`)
  }
}

/** Returns what was said; when it fails that is in the error, DKMS's log with it. */
const orFail = async (what: string, program: string, ...args: string[]): Promise<string> => {
  const { ok, said } = await run(program, ...args)
  if (ok) return said
  const log = /\/var\/lib\/dkms\/\S+\/make\.log/.exec(said)?.[0]
  const end =
    log === undefined ? '' : `\n--- ${log}\n${read(log).trimEnd().split('\n').slice(-30).join('\n')}`
  throw new Failure(`${what} failed\n${said}${end}`)
}

/** `DESTDIR` is for who packages; from our environment it would put the sources astray. */
const make = (target: string, ...settings: string[]): Promise<string> =>
  orFail(`make ${target}`, 'make', '--no-print-directory', '-C', kmod, target, 'DESTDIR=', ...settings)

const loadedModules = async (): Promise<readonly Loaded[]> =>
  Promise.all(
    [...parseLoaded(read('/proc/modules'))].map(async ([name, references]) => {
      const own = (field: string) => read(`/sys/module/${name}/${field}`).trim()
      return {
        name,
        references,
        version: own('version'),
        current: own('srcversion') === (await moduleField(release(), name, 'srcversion')),
      }
    }),
  )

const usersOf = async ({ name, references }: Loaded): Promise<string> => {
  const services = await servicesOf(name)
  return services.length > 0 ? listed(services) : `${references} services in other network namespaces`
}

/** Loads what is installed; an older build goes first, if no service uses it. Returns what is to be done by hand. */
const load = async (): Promise<readonly string[]> => {
  const warnings: string[] = []
  for (const module of (await loadedModules()).filter(({ current }) => !current)) {
    if ((await run('rmmod', module.name)).ok) continue
    warnings.push(
      `another build of ${module.name} (${module.version}) stays loaded, used by ${await usersOf(module)}: ` +
        'the new one takes its place at the next boot, or once none uses it and install is run again',
    )
  }
  for (const name of moduleNames) {
    const { ok, said } = await run('modprobe', name)
    if (!ok) throw new Failure(loadFailure(name, said, certificate()))
  }
  return warnings
}

/** Every module of that kernel has our version, and the running kernel has all three. */
const verify = async (kernel: string): Promise<void> => {
  for (const name of moduleNames) {
    const installed = await moduleField(kernel, name, 'version')
    if (installed !== version()) {
      throw new Failure(`${name} for ${kernel} has version ${installed || 'none'}, not ${version()}`)
    }
  }
  if (kernel !== release()) return
  const loaded = parseLoaded(read('/proc/modules'))
  const absent = moduleNames.filter((name) => !loaded.has(name))
  if (absent.length > 0) throw new Failure(`${listed(absent)} cannot be found in /proc/modules`)
}

const install = async (kernel: string, json: boolean): Promise<void> => {
  requireRoot('install')
  requireTools(kernel)
  await requireOwnInstallation()
  if (await isKeyMissing()) progress(`warning: ${enrolment(certificate())}`)
  const before = await registrations()
  const outdated = before.filter((entry) => entry.version !== version())
  if (outdated.length > 0) {
    progress(`trying whether ${version()} builds for ${kernel}`)
    await make('try', `KERNEL=${kernel}`)
  }
  for (const old of new Set(outdated.map((entry) => entry.version))) {
    progress(`removing version ${old}`)
    await make('dkms-remove', `VERSION=${old}`)
  }
  progress(`installing ${packageName} ${version()} for ${kernel}`)
  const said = await make('dkms-install', `KERNEL=${kernel}`)
  for (const line of said.split('\n').filter((line) => line.startsWith(`${packageName}: `))) progress(line)
  // Other kernels had only a version that is removed now.
  const covered = (await registrations()).map((entry) => entry.kernel)
  for (const other of new Set(outdated.map((entry) => entry.kernel))) {
    if (other === undefined || covered.includes(other)) continue
    if (!existsSync(`/lib/modules/${other}/build/Makefile`)) continue
    progress(`building for ${other}`)
    try {
      await orFail('dkms install', 'dkms', 'install', `${packageName}/${version()}`, '-k', other)
    } catch (error) {
      progress(`warning: ${other} has none now: ${error instanceof Error ? error.message : error}`)
    }
  }
  const warnings = kernel === release() ? await load() : []
  await verify(kernel)
  for (const warning of warnings) progress(`warning: ${warning}`)
  const result = { version: version(), kernel, modules: moduleNames, loaded: kernel === release(), warnings }
  console.log(
    json
      ? JSON.stringify(result)
      : `installed ${packageName} ${version()} for ${kernel}${result.loaded ? ', and loaded' : ''}`,
  )
}

const status = async (json: boolean): Promise<void> => {
  const facts: Omit<Status, 'upToDate'> = {
    version: version(),
    runningKernel: release(),
    registered: await registrations(),
    debianPackage: await isDebianPackageInstalled(),
    loaded: await loadedModules(),
  }
  const result: Status = { ...facts, upToDate: isUpToDate(facts) }
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : statusText(result))
}

const remove = async (json: boolean): Promise<void> => {
  requireRoot('remove')
  await requireOwnInstallation()
  const loaded = await loadedModules()
  for (const module of loaded.filter(({ references }) => references > 0)) {
    throw new Failure(
      `${module.name} is used by ${await usersOf(module)}: give them another scheduler (ipvsadm -E) or delete them`,
    )
  }
  for (const { name } of loaded) await orFail(`rmmod ${name}`, 'rmmod', name)
  const versions = [...new Set((await registrations()).map((entry) => entry.version))]
  for (const old of versions) {
    progress(`removing version ${old}`)
    await make('dkms-remove', `VERSION=${old}`)
  }
  const left = leftovers()
  if (left.length > 0) throw new Failure(`not removed: ${left.join(' ')}`)
  const names = loaded.map(({ name }) => name)
  if (json) console.log(JSON.stringify({ removed: versions, unloaded: names }))
  else if (versions.length + names.length === 0) console.log('there was nothing to remove')
  else console.log(`removed ${packageName} ${listed(versions)}; unloaded ${listed(names) || 'nothing'}`)
}

const commands = ['install', 'status', 'remove'] as const

const parse = (args: string[]) => {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        kernel: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new UsageError(`dkms: ${(error as Error).message}`)
  }
}

export const dkms = async (args: string[]): Promise<void> => {
  const { values, positionals } = parse(args)
  if (values.help) return void process.stdout.write(usage)
  const [name, more] = positionals
  if (name === undefined) throw new UsageError(usage.trimEnd())
  if (!commands.some((known) => known === name)) throw unknownCommand(name, commands)
  if (more !== undefined) throw new UsageError(`dkms ${name}: unexpected argument '${more}'`)
  const { kernel = release(), json } = values
  if (values.kernel !== undefined && name !== 'install')
    throw new UsageError(`dkms ${name} takes no --kernel`)
  if (!/^\w[\w.+~-]*$/.test(kernel)) throw new UsageError(`--kernel ${kernel}: not a kernel release`)
  if (name === 'install') await install(kernel, json)
  else if (name === 'status') await status(json)
  else await remove(json)
}
