// Keys, hash, random numbers, logarithm and the known answers.
// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../kmod/selftest.h"
#include "test.h"

static void known_answers(void) {
  static struct ipvs_selftest memory;
  const int line = ipvs_selftest_run(&memory);
  if (line) fprintf(stderr, "kmod/vectors.def:%d does not hold\n", line);
  expect(line == 0);
}

// The vectors of the HalfSipHash-1-3 in Linux, for 4 and 8 bytes.
static void half_sip_hash(void) {
  const u64 key = 0x0706050403020100;
  const u32 second = 0x07060504;
  expect(ipvs_hash_words(key, 0x03020100, NULL, 0) == 0x7e059ea6);
  expect(ipvs_hash_words(key, 0x03020100, &second, 1) == 0x577999b1);
}

static int by_key(const void* a, const void* b) {
  return ipvs_key_compare(a, b);
}

static void keys_are_ordered(void) {
  struct ipvs_key keys[200];
  for (unsigned i = 0; i < 200; i++) {
    const struct ipvs_key key = {
        random_below(2) ? 4 : 6,
        {random_below(3), random_below(3), random_below(3), random_below(3)},
        random_below(3),
    };
    keys[i] = key;
  }
  qsort(keys, 200, sizeof *keys, by_key);
  for (unsigned i = 0; i < 200; i++) {
    for (unsigned j = 0; j < 200; j++) {
      const int order = ipvs_key_compare(&keys[i], &keys[j]);
      expect(i < j ? order <= 0 : order >= 0);
      expect(order == -ipvs_key_compare(&keys[j], &keys[i]));
    }
  }
}

// Words that are summed or folded somewhere else: these pairs had one hash there.
static void words_are_not_summed(void) {
  const struct ipvs_key pairs[][2] = {
      {{4, {0x0a000001}, 8081}, {4, {0x0a000002}, 8080}},
      {{6, {0x20010db8, 1, 0, 2}, 80}, {6, {0x20010db8, 2, 0, 1}, 80}},
      {{4, {0x0a000001}, 80}, {6, {0x0a000001}, 80}},
      {{4, {0x0a000001}, 80}, {6, {0, 0, 0, 0x0a000001}, 80}},
  };
  for (unsigned i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    expect(ipvs_client(0, &pairs[i][0]) != ipvs_client(0, &pairs[i][1]));
    expect(ipvs_server_id(0, &pairs[i][0]) != ipvs_server_id(0, &pairs[i][1]));
  }
}

static void logarithm_is_accurate(void) {
  for (unsigned i = 0; i < 300000; i++) {
    // Of every magnitude, near 0 and near 1.
    u64 random = next_random() >> random_below(63);
    if (random_below(2)) random = 0 - random;
    const long double exact = -log1pl(-ldexpl((long double)random, -64));
    const u64 log = ipvs_log(random);
    expect(log >= ipvs_log_floor(random));
    expect(fabsl(ldexpl((long double)log, -58) - exact) < ldexpl(1, -58) + ldexpl(exact, -25));
  }
}

// No bit of the mix follows one of its inputs: flipping one flips each output bit half the time.
static void mix_has_avalanche(void) {
  enum { rounds = 2000 };
  static int flips[96][64];
  for (int round = 0; round < rounds; round++) {
    const u64 id = next_random();
    const u32 client = (u32)next_random();
    const u64 mix = ipvs_mix(id, client);
    for (int in = 0; in < 96; in++) {
      const u64 other =
          in < 64 ? ipvs_mix(id ^ 1ULL << in, client) : ipvs_mix(id, client ^ 1U << (in - 64));
      for (int out = 0; out < 64; out++) flips[in][out] += (int)((mix ^ other) >> out & 1);
    }
  }
  for (int in = 0; in < 96; in++) {
    for (int out = 0; out < 64; out++) expect(abs(flips[in][out] - rounds / 2) < 150);
  }
}

const struct test hash_tests[] = {
    {"known answers", known_answers},
    {"HalfSipHash is the one of Linux", half_sip_hash},
    {"keys are totally ordered", keys_are_ordered},
    {"words are hashed, not summed", words_are_not_summed},
    {"the logarithm is accurate, and above its floor", logarithm_is_accurate},
    {"the mix has avalanche", mix_has_avalanche},
    {NULL, NULL},
};
