// Runs every suite, or those named on the command line.
// SPDX-License-Identifier: MIT
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "test.h"

namespace {

bool failed = false;
const char* skipped = nullptr;

bool wanted(const char* suite, int argc, char** argv) {
  if (argc < 2) return true;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(suite, argv[i]) == 0) return true;
  }
  return false;
}

}  // namespace

void expect(bool ok, const char* what, const char* file, int line) {
  if (ok) return;
  failed = true;
  std::printf("  %s:%d: expected %s\n", file, line, what);
}

void expectEqual(std::int64_t actual, std::int64_t expected, const char* what, const char* file, int line) {
  if (actual == expected) return;
  failed = true;
  std::printf("  %s:%d: %s is %" PRId64 ", expected %" PRId64 "\n", file, line, what, actual, expected);
}

void skip(const char* reason) {
  skipped = reason;
}

int main(int argc, char** argv) {
  int passes = 0;
  int failures = 0;
  for (const Suite& suite :
       {requestSuite(), repliesSuite(), transportSuite(), kernelSuite(), netnsSuite()}) {
    if (!wanted(suite.name, argc, argv)) continue;
    for (const Test& test : suite.tests) {
      failed = false;
      skipped = nullptr;
      test.run();
      if (failed) {
        std::printf("failed: %s: %s\n", suite.name, test.name);
        ++failures;
      } else if (skipped != nullptr) {
        std::printf("skipped: %s: %s: %s\n", suite.name, test.name, skipped);
      } else {
        ++passes;
      }
    }
  }
  std::printf("%d passed, %d failed\n", passes, failures);
  return failures == 0 ? 0 : 1;
}
