// kmod/ipvs_sched.h in C++17 gives the known answers too.
// SPDX-License-Identifier: MIT
#include <cstdio>
#include <memory>

#include "../../kmod/selftest.h"

int main() {
  const auto memory = std::make_unique<ipvs_selftest>();
  const int line = ipvs_selftest_run(memory.get());
  if (line) std::fprintf(stderr, "kmod/vectors.def:%d does not hold\n", line);
  std::printf("C++: %d passed, %d failed\n", line == 0, line != 0);
  return line != 0;
}
