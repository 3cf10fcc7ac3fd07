// `ipvs dkms`: what the tools around DKMS say is understood, and what is missing is said with its remedy.
// SPDX-License-Identifier: MIT

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  enrolment,
  familyOf,
  isSecureBootVariable,
  isUpToDate,
  lacksIpvs,
  loadFailure,
  missing,
  moduleNames,
  packageName,
  parseLoaded,
  parseRegistrations,
  parseServices,
  parseSettings,
  statusText,
} from '../../lib/cli/dkms-facts.ts'
import { listed, unknownCommand } from '../../lib/cli/failure.ts'

test('DKMS builds the modules that the command knows', () => {
  const conf = readFileSync(new URL('../../kmod/dkms.conf', import.meta.url), 'utf8')
  expect(parseSettings(conf).PACKAGE_NAME).toBe(packageName)
  for (const name of moduleNames) expect(conf).toContain(`"${name}"`)
})

test('dkms status of versions 3 and 2', () => {
  const three = [
    'ipvs-schedulers/0.1.0, 6.1.0-56-amd64, x86_64: installed',
    'ipvs-schedulers/0.1.0, 6.12.3+deb13-amd64, x86_64: installed (WARNING! Diff between built and installed module!)',
    'ipvs-schedulers/0.2.0: added',
    'wireguard/1.0: added',
    '',
  ].join('\n')
  expect(parseRegistrations(three)).toEqual([
    { version: '0.1.0', kernel: '6.1.0-56-amd64', state: 'installed', note: undefined },
    {
      version: '0.1.0',
      kernel: '6.12.3+deb13-amd64',
      state: 'installed',
      note: '(WARNING! Diff between built and installed module!)',
    },
    { version: '0.2.0', kernel: undefined, state: 'added', note: undefined },
  ])
  expect(
    parseRegistrations('ipvs-schedulers, 0.1.0: added\nipvs-schedulers, 0.1.0, 5.4.0-1, x86_64: built\n'),
  ).toEqual([
    { version: '0.1.0', kernel: undefined, state: 'added', note: undefined },
    { version: '0.1.0', kernel: '5.4.0-1', state: 'built', note: undefined },
  ])
  expect(parseRegistrations('')).toEqual([])
})

test('what is loaded, and by which services it is used', () => {
  const modules = [
    'ip_vs_maglev 32768 2 - Live 0xffffffffc0a10000 (OE)',
    'ip_vs_mh 16384 0 - Live 0xffffffffc0a00000',
    'ip_vs 200704 4 ip_vs_maglev,ip_vs_mh, Live 0xffffffffc0900000',
    'ip_vs_hrw 32768 0 - Loading 0xffffffffc0b10000 (OE)',
  ]
  expect([...parseLoaded(modules.join('\n'))]).toEqual([
    ['ip_vs_maglev', 2],
    ['ip_vs_hrw', 0],
  ])
  const services = [
    'Prot Family Service Contract Servers Slots Checksum Builds Pending',
    'TCP 4 10.0.0.1:80 1 2 16381 0123456789abcdef 3 0',
    'UDP 6 [2001:db8::1]:53 1 2 16381 0123456789abcdef 3 0',
    'FWM 4 7 1 2 16381 0123456789abcdef 3 0',
  ]
  expect(parseServices(`${services.join('\n')}\n`)).toEqual([
    'TCP 10.0.0.1:80',
    'UDP [2001:db8::1]:53',
    'fwmark 7',
  ])
  expect(parseServices('')).toEqual([])
})

test('settings, distributions and firmware', () => {
  expect(
    parseSettings('ID=ubuntu\nID_LIKE="debian"\n# mok_certificate=/no\nmok_certificate=/etc/k.pub\n'),
  ).toEqual({
    ID: 'ubuntu',
    ID_LIKE: 'debian',
    mok_certificate: '/etc/k.pub',
  })
  expect(familyOf({ ID: 'debian' })).toBe('debian')
  expect(familyOf({ ID: 'linuxmint', ID_LIKE: 'ubuntu debian' })).toBe('debian')
  expect(familyOf({ ID: 'rocky', ID_LIKE: 'rhel centos fedora' })).toBe('redhat')
  expect(familyOf({ ID: 'arch' })).toBe('other')
  expect(familyOf({})).toBe('other')
  expect(isSecureBootVariable(Uint8Array.of(6, 0, 0, 0, 1))).toBe(true)
  expect(isSecureBootVariable(Uint8Array.of(6, 0, 0, 0, 0))).toBe(false)
  expect(lacksIpvs('CONFIG_IP_VS=m\n')).toBe(false)
  expect(lacksIpvs('# CONFIG_IP_VS is not set\nCONFIG_IP_VS_MH=m\n')).toBe(true)
})

test('what is missing is said with the command', () => {
  expect(missing(['make', 'dkms', 'headers'], '6.1.0-56-amd64', 'debian')).toBe(
    'make, dkms and the headers of 6.1.0-56-amd64 are missing: apt-get install make dkms linux-headers-6.1.0-56-amd64',
  )
  expect(missing(['compiler'], '6.1', 'debian')).toBe('a C compiler is missing: apt-get install gcc')
  expect(missing(['dkms', 'headers'], '6.12-fc41', 'redhat')).toBe(
    'dkms and the headers of 6.12-fc41 are missing: dnf install dkms kernel-devel-6.12-fc41 ' +
      '(on RHEL and its like after epel-release)',
  )
  expect(missing(['headers'], '6.12', 'other')).toContain('install the headers of kernel 6.12 with')
})

test('why a module does not load', () => {
  const said = "modprobe: ERROR: could not insert 'ip_vs_msh': Key was rejected by service\n"
  expect(loadFailure('ip_vs_msh', said, '/k.pub')).toContain('mokutil --import /k.pub')
  expect(enrolment('/k.pub')).toContain('reboot')
  expect(loadFailure('ip_vs_msh', 'modprobe: FATAL:\nno such module\n', '/k.pub')).toBe(
    'ip_vs_msh is installed but cannot be loaded: modprobe: FATAL:; no such module',
  )
})

test('up to date: this version is installed for the running kernel, and no other build is loaded', () => {
  const entry = { version: '0.1.0', kernel: '6.1', state: 'installed', note: undefined }
  const loaded = { name: 'ip_vs_msh', version: '0.1.0', references: 1, current: true }
  const facts = {
    version: '0.1.0',
    runningKernel: '6.1',
    registered: [entry],
    debianPackage: false,
    loaded: [loaded],
  }
  expect(isUpToDate(facts)).toBe(true)
  expect(isUpToDate({ ...facts, loaded: [] })).toBe(true)
  expect(isUpToDate({ ...facts, registered: [] })).toBe(false)
  for (const other of [{ version: '0.0.9' }, { kernel: '6.2' }, { state: 'built' }, { note: '(WARNING!)' }])
    expect(isUpToDate({ ...facts, registered: [{ ...entry, ...other }] })).toBe(false)
  for (const other of [{ version: '0.0.9' }, { current: false }])
    expect(isUpToDate({ ...facts, loaded: [{ ...loaded, ...other }] })).toBe(false)

  expect(statusText({ ...facts, upToDate: true })).toBe(`package: 0.1.0; running kernel: 6.1
registered with DKMS:
  0.1.0 installed for 6.1
loaded:
  ip_vs_msh 0.1.0, references: 1
up to date
`)
  expect(statusText({ ...facts, registered: [], loaded: [], upToDate: false })).toBe(
    `package: 0.1.0; running kernel: 6.1
registered with DKMS:
  nothing
loaded:
  nothing
not up to date: ipvs dkms install
`,
  )
})

test('an unknown command names the one that was meant', () => {
  const commands = ['install', 'status', 'remove']
  expect(unknownCommand('stauts', commands).message).toBe("unknown command 'stauts'; did you mean status?")
  expect(unknownCommand('xyz', commands).message).toBe(
    "unknown command 'xyz'; known: install, status, remove",
  )
  expect(listed([])).toBe('')
  expect(listed(['a'])).toBe('a')
  expect(listed(['a', 'b'])).toBe('a and b')
})
