// How a transaction ended, as JavaScript values.
// SPDX-License-Identifier: MIT
#pragma once

#include <napi.h>

#include <cstdint>
#include <vector>

#include "failure.h"
#include "transport.h"

namespace addon {

// These return nullptr when the environment makes no values any more (its worker thread is being
// terminated); there is nobody left to tell then.
napi_value makeReplies(napi_env env, const std::vector<std::uint8_t>& replies);

// An Error with `errno` (positive) and `syscall`.
napi_value makeError(napi_env env, const netlink::Failure& failure);

// The same, with `sent` and `replies`.
napi_value makeError(napi_env env, const netlink::Result& result);

// A promise rejected with that, for what fails before anything is sent.
napi_value makeRejection(napi_env env, const netlink::Failure& failure);

// Both do nothing with nullptr.
void throwError(napi_env env, napi_value error);
void settle(napi_env env, napi_deferred deferred, const netlink::Result& result);

}  // namespace addon
