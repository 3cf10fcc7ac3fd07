// Small files of a network namespace: see files.h.
// SPDX-License-Identifier: MIT
#include "files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "fd.h"

namespace netlink {
namespace {

// O_NONBLOCK: a path may name a FIFO that nobody writes to.
constexpr int openFlags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

FileText readFile(const std::string& path) {
  FileText file;
  const Fd fd(::open(path.c_str(), O_RDONLY | openFlags));
  if (!fd) {
    file.failure = {errno, "open"};
    return file;
  }
  char part[4096];
  for (;;) {
    const ssize_t size = ::read(fd.get(), part, sizeof(part));
    if (size == 0) return file;
    if (size > 0) {
      file.text.append(part, static_cast<std::size_t>(size));
    } else if (errno != EINTR) {
      file.failure = {errno, "read"};
      return file;
    }
  }
}

}  // namespace

FileTexts readFiles(const Netns& netns, const std::vector<std::string>& paths) {
  FileTexts result;
  const NetnsGuard guard(netns);
  result.failure = guard.failure();
  if (result.failure) return result;
  result.files.reserve(paths.size());
  for (const auto& path : paths) result.files.push_back(readFile(path));
  return result;
}

Failure writeFile(const Netns& netns, const std::string& path, const std::string& text) {
  const NetnsGuard guard(netns);
  if (guard.failure()) return guard.failure();
  const Fd fd(::open(path.c_str(), O_WRONLY | openFlags));
  if (!fd) return {errno, "open"};
  ssize_t size = ::write(fd.get(), text.data(), text.size());
  while (size < 0 && errno == EINTR) size = ::write(fd.get(), text.data(), text.size());
  if (size < 0) return {errno, "write"};
  return static_cast<std::size_t>(size) == text.size() ? Failure{} : Failure{EIO, "write"};
}

}  // namespace netlink
