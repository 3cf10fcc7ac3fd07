// The counters of what nothing has passed through yet.
// SPDX-License-Identifier: MIT

import type { Stats } from '../lib/index.ts'

export const nothingCounted: Stats = {
  conns: 0n,
  inPkts: 0n,
  outPkts: 0n,
  inBytes: 0n,
  outBytes: 0n,
  cps: 0,
  inPps: 0,
  outPps: 0,
  inBps: 0,
  outBps: 0,
}
