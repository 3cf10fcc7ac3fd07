// Set-up of each test file: writes what was counted, for vitest ends its processes by a signal and waits half a second.
// SPDX-License-Identifier: MIT
import { stopCoverage, takeCoverage } from 'node:v8'
import { afterAll } from 'vitest'

afterAll(() => {
  takeCoverage()
  stopCoverage()
  // Exit instead of dying of it, so that the native code writes its counters.
  process.once('SIGTERM', () => process.exit())
})
