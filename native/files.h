// Small files as a network namespace has them: /proc/sys/net and /proc/thread-self/net.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "failure.h"
#include "netns.h"

namespace netlink {

// The kernel shows the files of the namespace in which the thread that opens them is, so both
// functions open, read or write, and close while the calling thread is away.

struct FileText {
  std::string text;
  Failure failure;  // of this file; the others are read all the same
};

struct FileTexts {
  std::vector<FileText> files;  // one for each path, in their order; empty when `failure` is set
  Failure failure;              // the namespace could not be entered
};

FileTexts readFiles(const Netns& netns, const std::vector<std::string>& paths);

// In one write, as sysctl files want it. Never makes a file.
Failure writeFile(const Netns& netns, const std::string& path, const std::string& text);

}  // namespace netlink
