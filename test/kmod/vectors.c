// Writes kmod/vectors.def anew; what it writes changes with the contract only.
// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <stdio.h>

#include "../../kmod/ipvs_sched.h"
#include "../../kmod/selftest_table.h"

static const char intro[] =
    "/* SPDX-License-Identifier: GPL-2.0 OR MIT */\n"
    "/*\n"
    " * Known answers of ipvs_sched.h: for C statements, for others rows of numbers.\n"
    " * Written by test/kmod/vectors.c.\n"
    " *\n"
    " *  CONTRACT version\n"
    " *  KEY      seed, family, four address words, port; client, id, msh slot of 2^20\n"
    " *  MIX      id, client; mix\n"
    " *  LOG      random; log\n"
    " *  TABLE    scheduler, seed, family, count, weights, size; checksum, choices\n"
    " *\n"
    " * Scheduler: 0 hrw, 1 msh, 2 maglev. Server i (from 0) has the address 10.0.0.0 + i\n"
    " * or the words 20010db8, i, 0, i ^ 5a, and the port 80 + i % 3. Weights by rule: 0: 1,\n"
    " * 1: 1 + i % 10, 2: 1 but 1000 in the middle (i = count / 2), 3: 100 but 99 there,\n"
    " * 4: i % 4. Choices: ipvs_sum(), from 0, of the indexes of those servers that the\n"
    " * clients 192.0.2.0 + i * 0.1.0.1, i = 0 ... 999, get.\n"
    " */\n";

static void key(u64 seed, u32 family, u32 a0, u32 a1, u32 a2, u32 a3, u32 port) {
  const struct ipvs_key key = {family, {a0, a1, a2, a3}, port};
  struct ipvs_msh msh;
  ipvs_msh_init(&msh, seed);
  printf("IPVS_VECTOR_KEY(0x%" PRIx64 "ULL, %u, 0x%x, 0x%x, 0x%x, 0x%x, %u,\n", seed, family, a0, a1, a2,
         a3, port);
  printf("\t\t0x%08x, 0x%016" PRIx64 "ULL, %u);\n", ipvs_client(seed, &key), ipvs_server_id(seed, &key),
         ipvs_msh_slot(&msh, &key, 20));
}

static void mix(u64 id, u32 client) {
  printf("IPVS_VECTOR_MIX(0x%" PRIx64 "ULL, 0x%x, 0x%016" PRIx64 "ULL);\n", id, client,
         ipvs_mix(id, client));
}

static void logarithm(u64 random) {
  printf("IPVS_VECTOR_LOG(0x%" PRIx64 "ULL, 0x%" PRIx64 "ULL);\n", random, ipvs_log(random));
}

static void table(enum ipvs_selftest_scheduler scheduler, u64 seed, u32 family, u32 count, u32 weights,
                  u32 size) {
  static struct ipvs_selftest memory;
  u64 checksum, choices;
  ipvs_selftest_table(&memory, scheduler, seed, family, count, weights, size, &checksum, &choices);
  printf("IPVS_VECTOR_TABLE(%d, 0x%" PRIx64 "ULL, %u, %u, %u, %u,\n", (int)scheduler, seed, family, count,
         weights, size);
  printf("\t\t  0x%016" PRIx64 "ULL, 0x%016" PRIx64 "ULL);\n", checksum, choices);
}

int main(void) {
  const u64 secret = 0x0123456789abcdef;
  fputs(intro, stdout);
  printf("IPVS_VECTOR_CONTRACT(%d);\n\n", IPVS_SCHED_CONTRACT);
  for (int i = 0; i < 2; i++) {
    const u64 seed = i ? secret : 0;
    key(seed, 4, 0, 0, 0, 0, 0);
    key(seed, 4, 0x0a000001, 0, 0, 0, 80);
    key(seed, 4, 0x0a000002, 0, 0, 0, 79);
    key(seed, 4, 0xffffffff, 0, 0, 0, 65535);
    key(seed, 6, 0, 0, 0, 0x0a000001, 80);
    key(seed, 6, 0x20010db8, 1, 0, 2, 443);
    key(seed, 6, 0x20010db8, 2, 0, 1, 443);
    key(seed, 6, 0xfe800000, 0, 0x12345678, 0x9abcdef0, 0);
  }
  putchar('\n');
  mix(0, 0);
  mix(0, 1);
  mix(1, 0);
  mix(secret, 0xffffffff);
  mix(UINT64_MAX, 0x80000000);
  putchar('\n');
  // Around the borders of what it computes in different ways.
  logarithm(0);
  logarithm(63);
  logarithm(64);
  logarithm(1ULL << 32);
  logarithm((1ULL << 59) - 1);
  logarithm(1ULL << 59);
  logarithm((1ULL << 63) - 1);
  logarithm(1ULL << 63);
  logarithm(0xc000000000000000);
  logarithm(UINT64_MAX - (1ULL << 31));
  logarithm(UINT64_MAX - 1);
  logarithm(UINT64_MAX);
  putchar('\n');
  for (u32 weights = 0; weights < 5; weights++) {
    const u64 seed = weights & 1 ? secret : 0;
    table(IPVS_HRW, seed, 4, 50, weights, 0);
    table(IPVS_MSH, seed, 4, 50, weights, 4096);
    table(IPVS_MAGLEV, seed, 4, 50, weights, 4093);
  }
  table(IPVS_HRW, 0, 6, 200, 1, 0);
  table(IPVS_MSH, 0, 6, 200, 1, 32768);
  table(IPVS_MAGLEV, 0, 6, 200, 1, 16381);
  table(IPVS_MAGLEV, 0, 4, 1, 0, 251);
  table(IPVS_MAGLEV, 0, 4, 1000, 2, 251);
  table(IPVS_MAGLEV, 0, 4, 1000, 1, 65521);
  return 0;
}
