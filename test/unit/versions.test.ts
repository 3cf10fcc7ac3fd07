// The version is the same in all places that have one: npm's, DKMS's, the modules' and Debian's.
// SPDX-License-Identifier: MIT

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const file = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const { version } = JSON.parse(file('package.json')) as { version: string }

test.each([
  ['kmod/dkms.conf', /^PACKAGE_VERSION="(.*)"$/gm],
  ['kmod/load.h', /^MODULE_VERSION\("(.*)"\);$/gm],
  ['package-lock.json', /^ {2}"version": "(.*)",$/gm],
  // The first line is the newest.
  ['kmod/debian/changelog', /^ipvs-schedulers \((.*)\)/g],
])('%s', (path, pattern) => {
  expect([...file(path).matchAll(pattern)].map(([, found]) => found)).toEqual([version])
})

test('CHANGELOG.md begins with it, or with what is not released', () => {
  const [, heading] = /^## (.*)$/m.exec(file('CHANGELOG.md'))!
  expect(heading).toMatch(
    new RegExp(`^(Unreleased|${version.replaceAll('.', '\\.')} – \\d{4}-\\d\\d-\\d\\d)$`),
  )
})

test('what builds the addon from an installed package is of the versions that are tested', () => {
  const { scripts, devDependencies } = JSON.parse(file('package.json')) as Record<
    string,
    Record<string, string>
  >
  for (const name of ['node-addon-api', 'node-gyp'])
    expect(scripts?.['build:addon']).toContain(` ${name}@${devDependencies?.[name]} `)
})
