// Runs the tests of kmod/ipvs_sched.h and counts.
// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "test.h"

static int failures;
static u64 state = 88172645463325252;

void expect_at(int ok, const char* what, const char* file, int line) {
  if (ok) return;
  if (failures++ < 20) fprintf(stderr, "%s:%d: %s\n", file, line, what);
}

u64 next_random(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state * 0x2545f4914f6cdd1d;
}

u32 random_below(u32 limit) {
  return (u32)((next_random() >> 32) * limit >> 32);
}

void make_servers(struct ipvs_server* servers, u32 count, u32 weights) {
  for (u32 i = 0; i < count; i++) ipvs_selftest_server(&servers[i], 0, 4, count, weights, i);
}

void copy_without(struct ipvs_server* to, const struct ipvs_server* servers, u32 count, u32 gone) {
  memcpy(to, servers, gone * sizeof *to);
  memcpy(to + gone, servers + gone + 1, (count - gone - 1) * sizeof *to);
}

int main(void) {
  const struct test* const suites[] = {hash_tests, hrw_tests, msh_tests, maglev_tests};
  int passed = 0, failed = 0;
  for (unsigned i = 0; i < sizeof suites / sizeof *suites; i++) {
    for (const struct test* test = suites[i]; test->name; test++) {
      failures = 0;
      test->run();
      if (failures) fprintf(stderr, "FAILED (%d): %s\n", failures, test->name);
      *(failures ? &failed : &passed) += 1;
    }
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed > 0;
}
