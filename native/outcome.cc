// Results as JavaScript values: see outcome.h. Plain Node-API, because every call here can meet an
// environment that is going away, and has to take that quietly.
// SPDX-License-Identifier: MIT
#include "outcome.h"

#include <string>

namespace addon {
namespace {

napi_value makeNumber(napi_env env, double number) {
  napi_value value = nullptr;
  return napi_create_double(env, number, &value) == napi_ok ? value : nullptr;
}

napi_value makeString(napi_env env, const std::string& text) {
  napi_value value = nullptr;
  return napi_create_string_utf8(env, text.data(), text.size(), &value) == napi_ok ? value : nullptr;
}

bool set(napi_env env, napi_value object, const char* name, napi_value value) {
  return value != nullptr && napi_set_named_property(env, object, name, value) == napi_ok;
}

// The caller knows what was being done and says so in words; this message is for whoever forgets to.
std::string describe(const netlink::Failure& failure) {
  return std::string(failure.syscall) + ": errno " + std::to_string(failure.error);
}

}  // namespace

napi_value makeReplies(napi_env env, const std::vector<std::uint8_t>& replies) {
  napi_value buffer = nullptr;
  const auto status = napi_create_buffer_copy(env, replies.size(), replies.data(), nullptr, &buffer);
  return status == napi_ok ? buffer : nullptr;
}

napi_value makeError(napi_env env, const netlink::Failure& failure) {
  const napi_value message = makeString(env, describe(failure));
  napi_value error = nullptr;
  if (message == nullptr || napi_create_error(env, nullptr, message, &error) != napi_ok) return nullptr;
  if (!set(env, error, "errno", makeNumber(env, failure.error))) return nullptr;
  if (!set(env, error, "syscall", makeString(env, failure.syscall))) return nullptr;
  return error;
}

napi_value makeError(napi_env env, const netlink::Result& result) {
  const napi_value error = makeError(env, result.failure);
  if (error == nullptr) return nullptr;
  if (!set(env, error, "sent", makeNumber(env, result.sent))) return nullptr;
  if (!set(env, error, "replies", makeReplies(env, result.replies))) return nullptr;
  return error;
}

napi_value makeRejection(napi_env env, const netlink::Failure& failure) {
  netlink::Result result;
  result.failure = failure;
  napi_deferred deferred = nullptr;
  napi_value promise = nullptr;
  if (napi_create_promise(env, &deferred, &promise) != napi_ok) return nullptr;
  settle(env, deferred, result);
  return promise;
}

void throwError(napi_env env, napi_value error) {
  if (error != nullptr) static_cast<void>(napi_throw(env, error));
}

void settle(napi_env env, napi_deferred deferred, const netlink::Result& result) {
  const bool failed = static_cast<bool>(result.failure);
  const napi_value value = failed ? makeError(env, result) : makeReplies(env, result.replies);
  if (value == nullptr) return;
  static_cast<void>(failed ? napi_reject_deferred(env, deferred, value)
                           : napi_resolve_deferred(env, deferred, value));
}

}  // namespace addon
