// A visit to another network namespace.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "failure.h"
#include "fd.h"

namespace netlink {

// A namespace by path (/run/netns/x, /proc/PID/ns/net) or by a descriptor that stays the caller's.
// Neither means the one where the calling thread is.
struct Netns {
  std::optional<std::string> path;
  std::optional<int> fd;
};

// Namespaces belong to threads. The calling thread is in the given one while a guard without a failure
// lives, and is always back in its own afterwards.
class NetnsGuard {
 public:
  explicit NetnsGuard(const Netns& netns);
  ~NetnsGuard();
  NetnsGuard(const NetnsGuard&) = delete;
  NetnsGuard& operator=(const NetnsGuard&) = delete;

  const Failure& failure() const { return failure_; }

 private:
  Failure enter(const Netns& netns);

  Failure failure_;
  Fd home_;  // open only while the thread is away
};

}  // namespace netlink
