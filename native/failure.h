// What went wrong: an errno and the call that gave it. Core code returns this; only the addon makes errors.
// SPDX-License-Identifier: MIT
#pragma once

namespace netlink {

struct Failure {
  int error = 0;             // 0 = nothing went wrong
  const char* syscall = "";  // always a literal

  explicit operator bool() const { return error != 0; }
};

}  // namespace netlink
