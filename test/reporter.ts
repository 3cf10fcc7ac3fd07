// What npm test says of vitest's tests: the figures that they measured, and what failed with its reason.
// SPDX-License-Identifier: MIT

import type { UserConsoleLog } from 'vitest'
import { MinimalReporter } from 'vitest/node'

export default class extends MinimalReporter {
  // Without a heading of two lines for each: a figure says what it is.
  override onUserConsoleLog({ content }: UserConsoleLog): void {
    this.log(content.trimEnd())
  }

  // npm test counts the tests of all.
  override reportTestSummary(): void {}
}
