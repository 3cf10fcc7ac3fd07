// How many times slower than a quiet machine's stock kernel the running one may be.
// SPDX-License-Identifier: MIT

/** A debug kernel is as many times slower: what a test does within a time of its own choice is stretched by it. */
export const slowness = Number(process.env.IPVS_TEST_SLOWNESS ?? 1)

/** Limits after which a test is given up: far above what is usual, because others may share the machine. */
export const patience = 4 * slowness
