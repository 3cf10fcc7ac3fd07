// The hashing schedulers as plain functions on typed arrays, for what predicts their choices.
// SPDX-License-Identifier: MIT
#pragma once

#include <napi.h>

namespace addon {

// Each function fills its last argument and returns nothing. `scheduler` is 0 hrw, 1 msh, 2 maglev, 3 sh or
// 4 mh. Servers are given by their index in `ids`; in slots, 65535 stands for none. An argument that does not
// fit is a TypeError.
//
// ids(scheduler, seed, keys, ids): six words a key: family 4 or 6, four of the address, port.
//
// fill(scheduler, ids, weights, slots): not for hrw. For mh, weights as they were before a drain.
//
// settle(scheduler, ids, weights, unusable, slots, settled): for msh and sh, who serves a slot with fallback.
//
// checksum(ids, weights, slots, sum).
//
// choose(scheduler, seed, ids, weights, unusable, slots, clients, width, ports, choices).
//
// Of hrw, msh and maglev, servers are sorted by key. `unusable` and `ports` may be empty; clients are
// `width` bytes each, 4 or 16; a choice is -1 for none. msh and sh choose by slots alone: give them settled
// ones.
Napi::Object makeHashing(Napi::Env env);

}  // namespace addon
