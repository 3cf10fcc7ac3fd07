// Copies a stream up to a marker: how the guest says that an output has ended and all of it has arrived.
// SPDX-License-Identifier: MIT

/** How many bytes at the end of `data` may be the beginning of `marker`. */
function overlap(data, marker) {
  for (let length = Math.min(data.length, marker.length - 1); length > 0; length--) {
    if (data.subarray(-length).equals(marker.subarray(0, length))) return length
  }
  return 0
}

/** Resolves at the marker; what comes after it is read and dropped, so that its writer can go on. */
export function untilMarker(source, text, sink) {
  const marker = Buffer.from(text)
  let held = Buffer.alloc(0)
  let ended = false
  return new Promise((done) => {
    const write = (data) => {
      if (data.length === 0 || sink.write(data)) return
      source.pause()
      sink.once('drain', () => source.resume())
    }
    source.on('data', (chunk) => {
      if (ended) return
      const data = Buffer.concat([held, chunk])
      const at = data.indexOf(marker)
      ended = at >= 0
      const length = ended ? at : data.length - overlap(data, marker)
      held = data.subarray(length)
      write(data.subarray(0, length))
      if (ended) done()
    })
    // A machine that died: what was held back was not the marker.
    source.on('close', () => ended || write(held))
    source.on('error', () => {})
  })
}
