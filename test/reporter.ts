// What npm test says of vitest's tests: the figures that they measured, and what failed with its reason.
// SPDX-License-Identifier: MIT

import type { UserConsoleLog } from 'vitest'
import { MinimalReporter, type TestCase } from 'vitest/node'

export default class extends MinimalReporter {
  // Without a heading of two lines for each: a figure says what it is.
  override onUserConsoleLog({ content }: UserConsoleLog): void {
    this.log(content.trimEnd())
  }

  /** In machines a test has a second try: their processors are emulated, and shared with other work. */
  override onTestCaseResult(test: TestCase): void {
    super.onTestCaseResult(test)
    if (!test.diagnostic()?.flaky) return
    const [first = ''] = test.result().errors?.[0]?.message.split('\n') ?? []
    this.log(`only at its second try: ${test.module.relativeModuleId}: ${test.fullName}: ${first}`)
  }

  // npm test counts the tests of all.
  override reportTestSummary(): void {}
}
