// Entering a network namespace and coming back: see netns.h.
// SPDX-License-Identifier: MIT
#include "netns.h"

#include <fcntl.h>
#include <sched.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace netlink {
namespace {

// O_NONBLOCK: the path is the user's, and may be a FIFO that nobody writes to.
Fd openNamespace(const char* path) {
  return Fd(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

bool enterNamespace(int fd) {
  return ::setns(fd, CLONE_NEWNET) == 0;
}

}  // namespace

NetnsGuard::NetnsGuard(const Netns& netns) {
  failure_ = enter(netns);
}

Failure NetnsGuard::enter(const Netns& netns) {
  if (!netns.path && !netns.fd) return {};

  Fd opened;
  int target = netns.fd.value_or(-1);
  if (netns.path) {
    opened = openNamespace(netns.path->c_str());
    if (!opened) return {errno, "open"};
    target = opened.get();
  }
  Fd home = openNamespace("/proc/thread-self/ns/net");
  if (!home) return {errno, "open"};

  // In a user namespace a thread may be allowed to leave and not to come back. Going from home to home
  // asks for exactly the permission that coming back will need.
  if (!enterNamespace(home.get())) return {errno, "setns"};
  if (!enterNamespace(target)) return {errno, "setns"};
  home_ = std::move(home);
  return {};
}

// A thread left in a foreign namespace would open every later socket of the process in the wrong
// network, silently. Nothing is worth that.
NetnsGuard::~NetnsGuard() {
  if (!home_ || enterNamespace(home_.get())) return;
  std::perror("ipvs: cannot return to the thread's own network namespace");
  std::abort();
}

OpenedFile openFile(const Netns& netns, const char* path, int flags) {
  const NetnsGuard guard(netns);
  if (guard.failure()) return {Fd(), guard.failure()};
  Fd fd(::openat(AT_FDCWD, path, flags | O_CLOEXEC));
  const int error = errno;
  if (!fd) return {Fd(), {error, "openat"}};
  return {std::move(fd), {}};
}

}  // namespace netlink
