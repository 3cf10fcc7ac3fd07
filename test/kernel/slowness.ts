// How many times slower than a stock kernel the running one is: a debug kernel's time limits are as many times longer.
// SPDX-License-Identifier: MIT

export const slowness = Number(process.env.IPVS_TEST_SLOWNESS ?? 1)
