// The kernel's schedulers sh and mh as they are since Linux 4.18, on 64-bit little-endian machines.
// SPDX-License-Identifier: MIT
#pragma once

#include "../kmod/ipvs_sched.h"

namespace intree {

// All that both know of a client or server: words of an IPv6 address by exclusive or, plus the port.
u32 sumOf(const ipvs_key& key);

// Sizes are powers of two.
u32 shSlot(u32 client, u32 size);

// Servers, in the kernel's order, own as many slots in a row as they have weight (at least one), again and
// again.
void shFill(u16* slots, u32 size, const ipvs_server* servers, u32 count);

// With the fallback flag: where the clients of `slot` end, the same for all. `unusable` has a byte for each
// server.
u32 shFallback(const u16* slots, u32 size, u32 slot, const unsigned char* unusable);

// Sizes are primes. The id of a server is its two hashes.
u64 mhId(u32 server);
u32 mhSlot(u32 client, u32 size);

// Weights are the last ones that were not 0: a server that is drained keeps its slots.
void mhFill(u16* slots, u32 size, const ipvs_server* servers, u32 count);

// With the fallback flag. At most `size` further hashes.
u32 mhFallback(const u16* slots, u32 size, u32 client, const unsigned char* unusable);

}  // namespace intree
