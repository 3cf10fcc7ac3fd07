// Keys of `ipvs top`: what a terminal sends, and what each does to the view. Pure.
// SPDX-License-Identifier: MIT

import { sortKeys, type View } from './top-view.js'

const sequences: Readonly<Record<string, string>> = {
  '\x1b[A': 'up',
  '\x1bOA': 'up',
  '\x1b[B': 'down',
  '\x1bOB': 'down',
  '\x1b[5~': 'page-up',
  '\x1b[6~': 'page-down',
  '\x1b[H': 'home',
  '\x1b[1~': 'home',
  '\x1bOH': 'home',
  '\x1b[F': 'end',
  '\x1b[4~': 'end',
  '\x1bOF': 'end',
  '\x1b': 'escape',
  '\r': 'enter',
  '\n': 'enter',
  '\x7f': 'erase',
  '\b': 'erase',
  '\x03': 'interrupt',
  '\x1a': 'suspend',
}

/** Splits what came in one piece; other control sequences are passed over as a whole. */
export const keysOf = (text: string): readonly string[] =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what terminals send
  (text.match(/\x1b\[[\d;?]*[ -/]*[@-~]|\x1bO.|./gsu) ?? []).map((part) => sequences[part] ?? part)

/** The view after a key; undefined: end. `room` rows fit of `total`. */
export const press = (view: View, key: string, room: number, total: number): View | undefined => {
  if (key === 'interrupt') return undefined
  if (view.typing) return typed(view, key)
  const last = Math.max(0, total - room)
  // The table may have become shorter since.
  const at = Math.min(view.offset, last)
  const scroll = (by: number): View => ({ ...view, offset: Math.max(0, Math.min(last, at + by)) })
  switch (key) {
    case 'q':
      return undefined
    case 's': {
      const next = sortKeys[(sortKeys.indexOf(view.sort) + 1) % sortKeys.length]!
      return { ...view, sort: next, offset: 0 }
    }
    case 'r':
      return { ...view, reverse: !view.reverse, offset: 0 }
    case 'd':
      return { ...view, servers: !view.servers, offset: 0 }
    case '/':
      return { ...view, typing: true }
    case ' ':
      return { ...view, paused: !view.paused }
    case 'escape':
      return { ...view, filter: '', offset: 0 }
    case 'up':
    case 'k':
      return scroll(-1)
    case 'down':
    case 'j':
      return scroll(1)
    case 'page-up':
      return scroll(-room)
    case 'page-down':
      return scroll(room)
    case 'home':
    case 'g':
      return scroll(-Infinity)
    case 'end':
    case 'G':
      return scroll(Infinity)
    default:
      return view
  }
}

const typed = (view: View, key: string): View => {
  if (key === 'enter') return { ...view, typing: false }
  if (key === 'escape') return { ...view, typing: false, filter: '', offset: 0 }
  if (key === 'erase') return { ...view, filter: view.filter.slice(0, -1), offset: 0 }
  return /^[!-~]$/.test(key) ? { ...view, filter: view.filter + key, offset: 0 } : view
}
