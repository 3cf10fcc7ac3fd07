// Netlink attributes: a bounded byte writer, one codec per wire type, and attribute sets made from a table.
// SPDX-License-Identifier: MIT

/** A reply that breaks the netlink format. Its text names the attribute and the rule. */
export class MalformedError extends Error {
  override name = 'MalformedError'
}

/** Bytes are in the CPU's order except where a codec says otherwise. */
export const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

const NLA_HEADER = 4
const NLA_F_NESTED = 0x8000
const NLA_TYPE_MASK = 0x3fff // without NLA_F_NESTED and NLA_F_NET_BYTEORDER
const NLA_MAX_LENGTH = 0xffff

export const align4 = (length: number): number => (length + 3) & ~3

/** Growing buffer that codecs append to. `view` and `bytes` are replaced when it grows: never keep them. */
export class Writer {
  bytes: Uint8Array
  view: DataView
  length = 0

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity)
    this.view = new DataView(this.bytes.buffer)
  }

  /** Begins again, in the same memory. */
  reset(): void {
    this.bytes.fill(0, 0, this.length)
    this.length = 0
  }

  /** Makes room for `size` zeroed bytes and returns their offset. */
  reserve(size: number): number {
    const offset = this.length
    this.room(size)
    this.length = offset + size
    return offset
  }

  /** Makes sure that there are `size` zeroed bytes behind what is written; who writes there sets `length`. */
  room(size: number): DataView {
    const end = this.length + size
    if (end > this.bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.bytes.length * 2))
      grown.set(this.bytes.subarray(0, this.length))
      this.bytes = grown
      this.view = new DataView(grown.buffer)
    }
    return this.view
  }
}

/** How one wire type is written and read. `read` is given a range that lies inside `view`. */
export interface Codec<T> {
  /** Appends the payload; the caller writes the attribute header and the padding. */
  write(out: Writer, value: T): void
  read(view: DataView, offset: number, length: number): T
  /** Set on attribute sets, which carry NLA_F_NESTED in their type. */
  readonly nested?: boolean
}

const exactly = (length: number, size: number): void => {
  if (length !== size) throw new MalformedError(`expected ${size} bytes, found ${length}`)
}

const integer = <T>(
  size: number,
  put: (view: DataView, offset: number, value: T) => void,
  get: (view: DataView, offset: number) => T,
): Codec<T> => ({
  write(out, value) {
    const offset = out.reserve(size)
    put(out.view, offset, value)
  },
  read(view, offset, length) {
    exactly(length, size)
    return get(view, offset)
  },
})

export const u8: Codec<number> = integer(
  1,
  (view, offset, value) => view.setUint8(offset, value),
  (view, offset) => view.getUint8(offset),
)
export const u16: Codec<number> = integer(
  2,
  (view, offset, value) => view.setUint16(offset, value, littleEndian),
  (view, offset) => view.getUint16(offset, littleEndian),
)
export const be16: Codec<number> = integer(
  2,
  (view, offset, value) => view.setUint16(offset, value, false),
  (view, offset) => view.getUint16(offset, false),
)
export const u32: Codec<number> = integer(
  4,
  (view, offset, value) => view.setUint32(offset, value, littleEndian),
  (view, offset) => view.getUint32(offset, littleEndian),
)
export const i32: Codec<number> = integer(
  4,
  (view, offset, value) => view.setInt32(offset, value, littleEndian),
  (view, offset) => view.getInt32(offset, littleEndian),
)
export const u64: Codec<bigint> = integer(
  8,
  (view, offset, value) => view.setBigUint64(offset, value, littleEndian),
  (view, offset) => view.getBigUint64(offset, littleEndian),
)

/** 64 bits on the wire, a number here: for what stays below 2^53. */
export const rate: Codec<number> = integer(
  8,
  (view, offset, value) => view.setBigUint64(offset, BigInt(value), littleEndian),
  (view, offset) => {
    const first = view.getUint32(offset, littleEndian)
    const second = view.getUint32(offset + 4, littleEndian)
    return littleEndian ? first + 2 ** 32 * second : second + 2 ** 32 * first
  },
)

/** Up to `most` raw bytes. What is read is a view of the reply, not a copy. */
export const bytes = (most: number): Codec<Uint8Array> => ({
  write(out, value) {
    const offset = out.reserve(value.length)
    out.bytes.set(value, offset)
  },
  read(view, offset, length) {
    if (length > most) throw new MalformedError(`expected at most ${most} bytes, found ${length}`)
    return new Uint8Array(view.buffer, view.byteOffset + offset, length)
  },
})

/** NUL-terminated text in UTF-8. A missing NUL is accepted when reading, as nla_strscpy() does. */
export const text: Codec<string> = {
  write(out, value) {
    let ascii = true
    for (let i = 0; i < value.length; i++) if (value.charCodeAt(i) > 0x7f) ascii = false
    if (!ascii) {
      const encoded = Buffer.from(value, 'utf8')
      const at = out.reserve(encoded.length + 1)
      out.bytes.set(encoded, at)
      return
    }
    const offset = out.reserve(value.length + 1)
    for (let i = 0; i < value.length; i++) out.bytes[offset + i] = value.charCodeAt(i)
  },
  read(view, offset, length) {
    let value = ''
    for (let i = 0; i < length; i++) {
      const byte = view.getUint8(offset + i)
      if (byte === 0) return value
      if (byte > 0x7f) return utf8(view, offset, length)
      value += String.fromCharCode(byte)
    }
    return value
  },
}

const utf8 = (view: DataView, offset: number, length: number): string => {
  const raw = Buffer.from(view.buffer, view.byteOffset + offset, length)
  const end = raw.indexOf(0)
  return raw.toString('utf8', 0, end < 0 ? length : end)
}

/** One row per attribute: explicit id, then the codec. */
export type Table = Readonly<Record<string, readonly [id: number, codec: Codec<unknown>]>>

/** The object that a table reads and writes; absent attributes are absent or undefined. */
export type Of<T extends Table> = {
  [K in keyof T]?: (T[K][1] extends Codec<infer V> ? V : never) | undefined
}

/** An attribute set: itself a codec, so that sets nest. */
export interface AttributeSet<T extends Table> extends Codec<Of<T>> {
  readonly table: T
  readonly nested: true
  /** Name of the attribute with this id, for error texts. */
  nameOf(id: number): string | undefined
}

/** Makes the reader, the writer and (through `Of`) the type of an attribute set from its table. */
export const set = <const T extends Table>(table: T): AttributeSet<T> => {
  const fields = Object.entries(table).map(([name, [id, codec]]) => ({ name, id, codec }))
  const byId: ((typeof fields)[number] | undefined)[] = []
  for (const field of fields) byId[field.id] = field
  // Objects that start from one complete template share a hidden class, whatever the kernel left out.
  const blank = Object.fromEntries(fields.map(({ name }) => [name, undefined]))

  return {
    table,
    nested: true,
    nameOf: (id) => byId[id]?.name,

    write(out, value: Readonly<Record<string, unknown>>) {
      for (const { name, id, codec } of fields) {
        const item = value[name]
        if (item === undefined) continue
        const start = out.reserve(NLA_HEADER)
        codec.write(out, item)
        const length = out.length - start
        if (length > NLA_MAX_LENGTH) throw new RangeError(`${name}: ${length} bytes do not fit one attribute`)
        out.view.setUint16(start, length, littleEndian)
        out.view.setUint16(start + 2, codec.nested ? id | NLA_F_NESTED : id, littleEndian)
        out.reserve(align4(length) - length)
      }
    },

    read(view, offset, length) {
      const found: Record<string, unknown> = { ...blank }
      const end = offset + length
      while (offset < end) {
        if (end - offset < NLA_HEADER)
          throw new MalformedError(`${end - offset} stray bytes after an attribute`)
        const size = view.getUint16(offset, littleEndian)
        if (size < NLA_HEADER || size > end - offset) {
          throw new MalformedError(`attribute length ${size} with ${end - offset} bytes left`)
        }
        const field = byId[view.getUint16(offset + 2, littleEndian) & NLA_TYPE_MASK]
        if (field !== undefined)
          found[field.name] = readField(field, view, offset + NLA_HEADER, size - NLA_HEADER)
        offset += align4(size)
      }
      return found as Of<T>
    },
  }
}

const readField = (
  field: { name: string; codec: Codec<unknown> },
  view: DataView,
  offset: number,
  length: number,
): unknown => {
  try {
    return field.codec.read(view, offset, length)
  } catch (error) {
    if (error instanceof MalformedError) error.message = `${field.name}: ${error.message}`
    throw error
  }
}
