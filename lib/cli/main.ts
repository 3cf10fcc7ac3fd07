#!/usr/bin/env node
// The command `ipvs`: runs main() with the streams of this process.
// SPDX-License-Identifier: MIT

import { processIo } from './io.js'
import { main } from './run.js'

/** As if SIGPIPE, which Node.js ignores, had ended the process: whatever was under way is not done. */
const BROKEN_PIPE = 128 + 13

// `ipvs -L | head`: who reads has had enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? BROKEN_PIPE : 1)
})
process.exitCode = await main(process.argv.slice(2), processIo())
