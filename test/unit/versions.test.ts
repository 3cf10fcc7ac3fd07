// The version is the same in all places that have one: npm's, DKMS's, the modules' and Debian's.
// SPDX-License-Identifier: MIT

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const file = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const { version } = JSON.parse(file('package.json')) as { version: string }

test.each([
  ['kmod/dkms.conf', /^PACKAGE_VERSION="(.*)"$/gm],
  ['kmod/load.h', /^MODULE_VERSION\("(.*)"\);$/gm],
  // The first line is the newest.
  ['kmod/debian/changelog', /^ipvs-schedulers \((.*)\)/g],
])('%s', (path, pattern) => {
  expect([...file(path).matchAll(pattern)].map(([, found]) => found)).toEqual([version])
})
