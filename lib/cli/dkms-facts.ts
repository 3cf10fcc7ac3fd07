// What the tools and files around DKMS say, and what follows from it; nothing here touches the system.
// SPDX-License-Identifier: MIT

import { listed } from './failure.js'

export const packageName = 'ipvs-schedulers'
export const debianPackage = 'ipvs-schedulers-dkms'
export const moduleNames = ['ip_vs_msh', 'ip_vs_maglev', 'ip_vs_hrw'] as const

/** A version that DKMS knows; `added` ones have no kernel. */
export interface Registration {
  readonly version: string
  readonly kernel: string | undefined
  /** added, built or installed; DKMS has rarer words too. */
  readonly state: string
  /** What DKMS adds, such as that an installed module is not the one built. */
  readonly note: string | undefined
}

/** `dkms status`, of DKMS 3 (NAME/VERSION, KERNEL, ARCH: STATE) and 2 (NAME, VERSION, …). */
export const parseRegistrations = (text: string): readonly Registration[] =>
  [...text.matchAll(/^ipvs-schedulers(?:\/|, )([^,:\s]+)(?:, ([^,\s]+), [^:]+)?: ([\w-]+) *(.*)$/gm)].map(
    ([, version, kernel, state, note]) => ({
      version: version!,
      kernel,
      state: state!,
      note: note === '' ? undefined : note,
    }),
  )

/** The reference counts of our modules that are loaded, from /proc/modules. */
export const parseLoaded = (text: string): ReadonlyMap<string, number> =>
  new Map(
    [...text.matchAll(/^(\w+) \d+ (\d+) /gm)]
      .filter(([, name]) => moduleNames.some((ours) => ours === name))
      .map(([, name, references]) => [name!, Number(references)]),
  )

/** The services in /proc/net/ip_vs_NAME of one network namespace. */
export const parseServices = (text: string): readonly string[] =>
  text
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split(' '))
    .map(([protocol, , service]) => (protocol === 'FWM' ? `fwmark ${service}` : `${protocol} ${service}`))

/** A file of NAME=value lines: os-release, DKMS's framework.conf. Comments are none. */
export const parseSettings = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...text.matchAll(/^\s*(\w+)=["']?([^"'\n]*)["']?\s*$/gm)].map(([, name, value]) => [name, value!]),
  )

/** The EFI variable: four bytes of attributes before its value. */
export const isSecureBootVariable = (data: Uint8Array): boolean => data.length === 5 && data[4] === 1

export type Family = 'debian' | 'redhat' | 'other'

export const familyOf = ({ ID = '', ID_LIKE = '' }: Readonly<Record<string, string>>): Family => {
  const names = [ID, ...ID_LIKE.split(' ')]
  if (names.some((name) => name === 'debian' || name === 'ubuntu')) return 'debian'
  return names.some((name) => name === 'fedora' || name === 'rhel') ? 'redhat' : 'other'
}

export type Requirement = 'make' | 'compiler' | 'dkms' | 'headers'

const packages: Readonly<Record<Family, (what: Requirement, kernel: string) => string>> = {
  debian: (what, kernel) =>
    ({ make: 'make', compiler: 'gcc', dkms: 'dkms', headers: `linux-headers-${kernel}` })[what],
  redhat: (what, kernel) =>
    ({ make: 'make', compiler: 'gcc', dkms: 'dkms', headers: `kernel-devel-${kernel}` })[what],
  other: (what, kernel) =>
    ({ make: 'make', compiler: 'gcc', dkms: 'dkms', headers: `the headers of kernel ${kernel}` })[what],
}

/** What has to be installed first, and how. */
export const missing = (what: readonly Requirement[], kernel: string, family: Family): string => {
  const said = { make: 'make', compiler: 'a C compiler', dkms: 'dkms', headers: `the headers of ${kernel}` }
  const names = what.map((each) => packages[family](each, kernel))
  const command = {
    debian: `apt-get install ${names.join(' ')}`,
    redhat: `dnf install ${names.join(' ')}`,
    other: `install ${listed(names)} with this system's package manager`,
  }[family]
  // Red Hat and those who rebuild it, not Fedora: DKMS is in EPEL.
  const epel =
    family === 'redhat' && what.includes('dkms') ? ' (on RHEL and its like after epel-release)' : ''
  const verb = what.length === 1 && what[0] !== 'headers' ? 'is' : 'are'
  return `${listed(what.map((each) => said[each]))} ${verb} missing: ${command}${epel}`
}

/** Why a kernel with this configuration cannot have the modules. */
export const lacksIpvs = (config: string): boolean => !/^CONFIG_IP_VS=[ym]$/m.test(config)

export const enrolment = (certificate: string): string =>
  `Secure Boot is on and the key that DKMS signs with is not enrolled: mokutil --import ${certificate}, ` +
  'then reboot and confirm the key in the firmware dialogue'

/** What modprobe's complaint means. */
export const loadFailure = (name: string, said: string, certificate: string): string =>
  /Key was rejected|Required key not available/.test(said)
    ? `${name} is installed but the kernel refuses it: ${enrolment(certificate)}`
    : `${name} is installed but cannot be loaded: ${said.trim().replaceAll(/\s*\n\s*/g, '; ')}`

export interface Loaded {
  readonly name: string
  readonly version: string
  readonly references: number
  /** The same build as the one that is installed for the running kernel. */
  readonly current: boolean
}

export interface Status {
  /** The version of this package. */
  readonly version: string
  readonly runningKernel: string
  readonly registered: readonly Registration[]
  /** Installed by dpkg: apt-get removes and upgrades it. */
  readonly debianPackage: boolean
  readonly loaded: readonly Loaded[]
  /** This version is installed for the running kernel, and no other one is loaded. */
  readonly upToDate: boolean
}

export const isUpToDate = ({
  version,
  runningKernel,
  registered,
  loaded,
}: Omit<Status, 'upToDate'>): boolean =>
  registered.some(
    (entry) =>
      entry.version === version &&
      entry.kernel === runningKernel &&
      entry.state === 'installed' &&
      entry.note === undefined,
  ) && loaded.every((module) => module.current && module.version === version)

const describe = ({ version, kernel, state, note }: Registration): string =>
  `  ${version} ${state}${kernel === undefined ? '' : ` for ${kernel}`}${note === undefined ? '' : ` ${note}`}`

/** For people. */
export const statusText = (status: Status): string => {
  const { version, runningKernel, registered, loaded } = status
  const lines = registered.length === 0 ? ['  nothing'] : registered.map(describe)
  const modules = loaded.map(
    ({ name, version, references, current }) =>
      `  ${name} ${version}, references: ${references}${current ? '' : ', not the build that is installed'}`,
  )
  return [
    `package: ${version}; running kernel: ${runningKernel}`,
    `registered with DKMS${status.debianPackage ? ` by the Debian package ${debianPackage}` : ''}:`,
    ...lines,
    'loaded:',
    ...(modules.length === 0 ? ['  nothing'] : modules),
    status.upToDate ? 'up to date' : 'not up to date: ipvs dkms install',
    '',
  ].join('\n')
}
