// A terminal taken over for a while: alternate screen, no cursor, keys as they come; given back whatever happens.
// SPDX-License-Identifier: MIT

import type { Terminal } from './io.js'

const ENTER = '\x1b[?1049h\x1b[?25l'
const LEAVE = '\x1b[?25h\x1b[?1049l'
const CLEAR = '\x1b[2J'

export interface Screen {
  readonly columns: number
  readonly rows: number
  /** Writes the lines that differ from those before. */
  draw(lines: readonly string[]): void
  /** Gives the terminal back, stops the process as Ctrl-Z does, and takes the terminal again when it goes on. */
  suspend(): void
  /** Idempotent. */
  close(): void
}

/** `onKeys` is given what was typed, `onResize` called when the terminal has another size, or has to be drawn anew. */
export const openScreen = (
  { input, output }: Terminal,
  onKeys: (text: string) => void,
  onResize: () => void,
): Screen => {
  let shown: readonly string[] = []
  let isOpen = false

  const take = (): void => {
    isOpen = true
    shown = []
    input?.setRawMode(true)
    output.write(ENTER + CLEAR)
  }
  const leave = (): void => {
    if (!isOpen) return
    isOpen = false
    input?.setRawMode(false)
    output.write(LEAVE)
  }
  const resized = (): void => {
    shown = []
    if (isOpen) output.write(CLEAR)
    onResize()
  }
  const continued = (): void => {
    take()
    onResize()
  }

  // Writes to a terminal are synchronous, so that this comes before the text of an error that ends the process.
  process.once('exit', leave)
  process.on('SIGCONT', continued)
  output.on('resize', resized)
  input?.setEncoding('utf8').on('data', onKeys).resume()
  take()

  return {
    get columns() {
      return output.columns || 80
    },
    get rows() {
      return output.rows || 24
    },
    draw(lines) {
      if (!isOpen) return
      const changed = lines.map((line, i) => (line === shown[i] ? '' : `\x1b[${i + 1};1H${line}\x1b[K`))
      output.write(changed.join(''))
      shown = lines
    },
    suspend() {
      leave()
      process.kill(process.pid, 'SIGSTOP')
    },
    close() {
      leave()
      process.off('exit', leave)
      process.off('SIGCONT', continued)
      output.off('resize', resized)
      input?.off('data', onKeys).pause()
    },
  }
}
