// A test is a name and a function that calls expect(); main.c runs and counts them.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

#include "../../kmod/ipvs_sched.h"
#include "../../kmod/selftest_table.h"

struct test {
  const char* name;
  void (*run)(void);
};

// Each ends with a test without a name.
extern const struct test hash_tests[];
extern const struct test hrw_tests[];
extern const struct test msh_tests[];
extern const struct test maglev_tests[];

// The test fails, and goes on, when the condition does not hold.
#define expect(ok) expect_at((ok), #ok, __FILE__, __LINE__)
void expect_at(int ok, const char* what, const char* file, int line);

// The same for every run, so that a failure comes again.
u64 next_random(void);
u32 random_below(u32 limit);

enum { most_servers = 1000, most_slots = 1 << 17 };

// Servers by the rules of vectors.def.
void make_servers(struct ipvs_server* servers, u32 count, u32 weights);

// `servers` without the one at `gone`.
void copy_without(struct ipvs_server* to, const struct ipvs_server* servers, u32 count, u32 gone);
