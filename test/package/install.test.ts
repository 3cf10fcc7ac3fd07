// npm install and npm ci of the tarball by the npm that is here.
// SPDX-License-Identifier: MIT

import { inject, test } from 'vitest'
import { installs } from './install.ts'
import { npm } from './tools.ts'

test('npm install and npm ci', () => {
  installs(process.execPath, npm(), inject('tarball'))
})
