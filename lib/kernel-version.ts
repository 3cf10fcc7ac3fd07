// Comparing releases of Linux, as `uname -r` prints them, with the version that brought something.
// SPDX-License-Identifier: MIT

/** True when the release is older than the version; false where the release cannot be read. */
export const before = (release: string, version: `${number}.${number}`): boolean => {
  const [major, minor] = version.split('.').map(Number) as [number, number]
  const found = /^(\d+)\.(\d+)/.exec(release)
  if (found === null) return false
  return Number(found[1]) < major || (Number(found[1]) === major && Number(found[2]) < minor)
}
