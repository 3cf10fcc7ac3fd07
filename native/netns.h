// A visit to another network namespace, and files opened on it.
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

// What /proc/net and /proc/sys/net show depends on who opens the file; afterwards the descriptor may be used
// anywhere. `path` through /proc/thread-self, not /proc/self: only the calling thread is there. A failure of "openat" is
// the file's, any other the namespace's.
struct OpenedFile {
  Fd fd;  // empty on failure
  Failure failure;
};
OpenedFile openFile(const Netns& netns, const char* path, int flags);

}  // namespace netlink
