// The Maglev table against a model: shares, least shares, movement.
// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "test.h"

static struct ipvs_server servers[most_servers], others[most_servers];
static struct ipvs_turn turns[most_servers];
static u16 slots[most_slots], expected[most_slots];
static u32 got[most_servers];

static void count_slots(u32 size, u32 count) {
  memset(got, 0, sizeof got);
  for (u32 i = 0; i < size; i++) {
    expect(slots[i] < count);
    got[slots[i]]++;
  }
}

static long double phase(u32 i) { return (servers[i].id % 4096) / 4096.0L; }

// As the header's comment defines it: always looks for who is due first, and at its permutation from the start.
static void model(u32 size, u32 count) {
  u32 taken[100] = {0};
  for (u32 i = 0; i < size; i++) expected[i] = IPVS_NONE;
  for (u32 left = size; left; left--) {
    u32 due = IPVS_NONE;
    for (u32 i = 0; i < count; i++) {
      if (!servers[i].weight) continue;
      if (due == IPVS_NONE) {
        due = i;
      } else if (!taken[i] || !taken[due]) {
        if (!taken[i] && taken[due]) due = i;
      } else if ((taken[i] + phase(i)) * servers[due].weight < (taken[due] + phase(due)) * servers[i].weight) {
        due = i;
      }
    }
    if (due == IPVS_NONE) return;
    const u64 offset = (servers[due].id & 0xffffffff) * size >> 32;
    const u64 step = 1 + ((servers[due].id >> 32) * (size - 1) >> 32);
    u64 j = 0;
    while (expected[(offset + j * step) % size] != IPVS_NONE) j++;
    expected[(offset + j * step) % size] = (u16)due;
    taken[due]++;
  }
}

static void agrees_with_the_model(void) {
  static const u32 sizes[] = {251, 509};
  for (int round = 0; round < 60; round++) {
    const u32 size = sizes[round % 2], count = 1 + random_below(99);
    for (u32 i = 0; i < count; i++) {
      servers[i].id = next_random();
      servers[i].weight = round % 4 == 0   ? random_below(4)
                          : round % 4 == 1 ? 100 - (i == 3)
                                           : (u32)(next_random() >> (33 + random_below(31)));
    }
    memset(turns, 0xa5, sizeof turns);
    ipvs_maglev_fill(slots, size, servers, count, turns);
    model(size, count);
    expect(memcmp(slots, expected, size * sizeof *slots) == 0);
  }
}

// To a slot; but the others lack what those take that get one only because everybody does, and a server that has a
// part of all slots has that part of the sum of all roundings.
static void shares_follow_weights(void) {
  static const u32 counts[] = {10, 50, 200, 1000};
  const u32 size = IPVS_MAGLEV_SIZE_DEFAULT;
  for (u32 rule = 0; rule < 5; rule++) {
    for (u32 j = 0; j < 4; j++) {
      const u32 count = counts[j];
      double total = 0, extra = 0;
      make_servers(servers, count, rule < 4 ? rule : 0);
      if (rule == 4) {
        for (u32 i = 0; i < count; i++) servers[i].weight = 1 + random_below(100);
      }
      for (u32 i = 0; i < count; i++) total += servers[i].weight;
      for (u32 i = 0; i < count; i++) {
        const double fair = size * servers[i].weight / total;
        if (fair < 1) extra += 1 - fair;
      }
      ipvs_maglev_fill(slots, size, servers, count, turns);
      count_slots(size, count);
      for (u32 i = 0; i < count; i++) {
        const double fair = size * servers[i].weight / total;
        if (servers[i].weight == 0)
          expect(got[i] == 0);
        else
          expect(fabs(got[i] - fair) <= 1 + (extra + 2 * sqrt(count)) * fair / size);
      }
    }
  }
}

static void nobody_starves(void) {
  static const u32 heavy[] = {99, 1000, 65535, 0x7fffffff};
  for (unsigned i = 0; i < sizeof heavy / sizeof *heavy; i++) {
    for (u32 count = 2; count <= 200; count *= 10) {
      make_servers(servers, count, 0);
      servers[count / 2].weight = heavy[i];
      ipvs_maglev_fill(slots, 4093, servers, count, turns);
      count_slots(4093, count);
      for (u32 j = 0; j < count; j++) expect(got[j] >= 1);
      if (heavy[i] > 10000 && count == 200) expect(got[count / 2] >= 4093 - 199 * 2);
    }
  }
  // The case that left 118 of 200 servers of the scheduler mh without a client.
  make_servers(servers, 200, 3);
  ipvs_maglev_fill(slots, 4093, servers, 200, turns);
  count_slots(4093, 200);
  for (u32 j = 0; j < 200; j++) expect(got[j] >= 19 && got[j] <= 22);
  // Of each extreme one, and as many servers as fit.
  for (u32 j = 0; j < 251; j++) servers[j].weight = j % 2 ? 1 : 0x7fffffff;
  ipvs_maglev_fill(slots, 251, servers, 251, turns);
  count_slots(251, 251);
  for (u32 j = 0; j < 251; j++) expect(got[j] == 1);
}

static void without_weights_there_is_no_owner(void) {
  make_servers(servers, 3, 0);
  for (u32 i = 0; i < 3; i++) servers[i].weight = 0;
  ipvs_maglev_fill(slots, 251, servers, 3, turns);
  for (u32 i = 0; i < 251; i++) expect(slots[i] == IPVS_NONE);
  ipvs_maglev_fill(slots, 251, servers, 0, turns);
  for (u32 i = 0; i < 251; i++) expect(slots[i] == IPVS_NONE);
}

// Share of the slots that moved beyond those that had to, in percent; `gone` is not in the second table.
static double excess(u32 size, u32 count, u32 other_count, u32 gone) {
  static u32 after[most_servers];
  int moved = 0, need = 0;
  ipvs_maglev_fill(expected, size, servers, count, turns);
  ipvs_maglev_fill(slots, size, others, other_count, turns);
  memset(got, 0, sizeof got);
  memset(after, 0, sizeof after);
  for (u32 i = 0; i < size; i++) {
    const u32 owner = slots[i] + (u32)(slots[i] >= gone);
    moved += owner != expected[i];
    got[expected[i]]++;
    after[owner]++;
  }
  for (u32 i = 0; i < count; i++) need += got[i] > after[i] ? (int)(got[i] - after[i]) : 0;
  return 100.0 * (moved - need) / size;
}

static void changes_move_little(void) {
  static const u32 counts[] = {10, 50, 200, 1000};
  // Of the slots, in percent.
  static const double removed_limit[] = {1.0, 1.1, 2.0, 0.8}, reweighted_limit[] = {0.4, 0.3, 0.2, 0.1};
  const u32 size = IPVS_MAGLEV_SIZE_DEFAULT;
  for (u32 j = 0; j < 4; j++) {
    const u32 count = counts[j];
    double removed = 0, reweighted = 0, crossed = 0;
    for (u32 round = 0; round < 10; round++) {
      const u32 at = round * (count / 10);
      make_servers(servers, count, 0);
      copy_without(others, servers, count, at);
      removed += excess(size, count, count - 1, at) / 10;
      for (u32 i = 0; i < count; i++) servers[i].weight = 100;
      memcpy(others, servers, sizeof others);
      others[at].weight = 99;
      reweighted += excess(size, count, count, IPVS_NONE) / 10;
      // Mixed weights whose mean goes over a power of two.
      for (u32 i = 0; i < count; i++) servers[i].weight = i % 2 ? 128 - servers[i - 1].weight : 1 + random_below(127);
      memcpy(others, servers, sizeof others);
      others[at].weight++;
      crossed += excess(size, count, count, IPVS_NONE) / 10;
    }
    printf("  %u servers: removing one moves %.2f %% besides, 100 to 99 %.2f %%, one more of 64 %.2f %%\n", count,
           removed, reweighted, crossed);
    expect(removed < removed_limit[j]);
    expect(reweighted < reweighted_limit[j]);
    expect(crossed < 1.0);
  }
}

const struct test maglev_tests[] = {
    {"maglev agrees with the model", agrees_with_the_model},
    {"maglev shares follow weights to a slot", shares_follow_weights},
    {"maglev starves nobody", nobody_starves},
    {"maglev without weights has no owners", without_weights_there_is_no_owner},
    {"maglev moves little", changes_move_little},
    {NULL, NULL},
};
