// Makes what QEMU boots: an initramfs of busybox, drivers and init, and the kernel without its wrapping.
// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { cache, Problem, which } from '../../scripts/lib.mjs'

const init = new URL('init', import.meta.url)

/** A program reading compressed bytes: Node 20 has neither xz nor zstd. */
function through(program, input) {
  const { status, stdout, stderr, error } = spawnSync(program, ['-dc'], { input, maxBuffer: 1 << 30 })
  if (status !== 0) throw new Problem(`${program} -dc: ${error?.message ?? stderr}`)
  return stdout
}

/** Undoes gzip, xz or zstd, told apart by their magic; anything else is returned as it is. */
function decompressed(data) {
  const magic = data.toString('latin1', 0, 4)
  if (magic.startsWith('\x1f\x8b')) return gunzipSync(data)
  if (magic === '\xfd7zX') return through('xz', data)
  return magic === '\x28\xb5\x2f\xfd' ? through('zstd', data) : data
}

/** One cpio member in the kernel's "newc" format. */
function member(name, mode, data = Buffer.alloc(0)) {
  const fields = [0, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length + 1, 0]
  const header = `070701${fields.map((n) => n.toString(16).padStart(8, '0')).join('')}${name}\0`
  const padding = (length) => Buffer.alloc(-length & 3)
  return [Buffer.from(header), padding(header.length), data, padding(data.length)]
}

/** Static, because the initramfs has no libraries: an ELF file without a PT_INTERP program header. */
export function isStatic(path) {
  const elf = readFileSync(path)
  const [start, size, count] = [Number(elf.readBigUInt64LE(32)), elf.readUInt16LE(54), elf.readUInt16LE(56)]
  return Array.from({ length: count }, (_, i) => elf.readUInt32LE(start + i * size)).every(
    (type) => type !== 3,
  )
}

/** The static busybox, or undefined. */
export function findBusybox() {
  const path = which('busybox')
  return path !== undefined && isStatic(path) ? path : undefined
}

function initramfs({ drivers }) {
  const busybox = findBusybox()
  if (busybox === undefined)
    throw new Problem('no static busybox (package busybox-static): node scripts/setup.mjs')
  const names = drivers.map((path) => basename(path).replace(/\.ko\..*/, '.ko'))
  return Buffer.concat(
    [
      member('bin', 0o40755),
      member('bin/busybox', 0o100755, readFileSync(busybox)),
      member('init', 0o100755, readFileSync(init)),
      member('modules', 0o40755),
      member('modules/list', 0o100644, Buffer.from(names.map((name) => `${name}\n`).join(''))),
      ...drivers.map((path, i) => member(`modules/${names[i]}`, 0o100644, decompressed(readFileSync(path)))),
      member('TRAILER!!!', 0),
    ].flat(),
  )
}

/**
 * The ELF kernel inside a bzImage. QEMU starts it directly (PVH), which saves the guest from
 * decompressing itself under emulation. KASAN kernels do not come up this way.
 */
function kernelImage({ image, config }) {
  const data = readFileSync(image)
  if (!config.has('CONFIG_PVH=y') || config.has('CONFIG_KASAN=y')) return data
  if (data.toString('latin1', 0x202, 0x206) !== 'HdrS') return data
  const start = (data[0x1f1] + 1) * 512 + data.readUInt32LE(0x248)
  // The last four bytes of the payload are its unpacked size, not part of the compressed stream.
  const elf = decompressed(data.subarray(start, start + data.readUInt32LE(0x24c) - 4))
  return elf.toString('latin1', 0, 4) === '\x7fELF' ? elf : data
}

/** A file in the cache, made on first use; `key` is all that it is made from. */
function kept(name, key, make) {
  const folder = join(cache, 'boot')
  const path = join(
    folder,
    `${name}-${createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 16)}`,
  )
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true })
    // Renamed when whole: two runs may make it at once, and either may be interrupted.
    const work = `${path}.${process.pid}`
    writeFileSync(work, make())
    renameSync(work, path)
  }
  return path
}

/** Paths of the kernel and the initramfs for QEMU. */
export function bootFiles(kernel) {
  const { mtimeMs, size } = statSync(kernel.image)
  const key = [kernel.image, mtimeMs, size, kernel.drivers]
  const sources = [init, new URL(import.meta.url)].map((url) => readFileSync(url, 'utf8'))
  return {
    image: kept(`kernel-${kernel.release}`, [key, kernelImage.toString()], () => kernelImage(kernel)),
    initramfs: kept(`initramfs-${kernel.release}`, [key, sources], () => initramfs(kernel)),
  }
}
