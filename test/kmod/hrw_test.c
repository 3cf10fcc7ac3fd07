// Weighted rendezvous against a model, and what it promises about weights and changes.
// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "test.h"

static struct ipvs_server servers[most_servers], others[most_servers];

// a * weight, bit by bit, as two numbers.
static void multiply(u64 a, u32 weight, u64* high, u64* low) {
  *high = *low = 0;
  for (int bit = 31; bit >= 0; bit--) {
    *high = *high << 1 | *low >> 63;
    *low <<= 1;
    if (weight >> bit & 1) {
      *low += a;
      *high += *low < a;
    }
  }
}

// Every logarithm, every pair of fractions: a server wins that none of the others beats.
static u32 model(const struct ipvs_server* list, u32 count, u32 client, const char* down) {
  for (u32 i = 0; i < count; i++) {
    int beaten = !list[i].weight || (down && down[i]);
    for (u32 j = 0; j < count && !beaten; j++) {
      u64 high_i, low_i, high_j, low_j;
      if (j == i || !list[j].weight || (down && down[j])) continue;
      multiply(ipvs_log(ipvs_mix(list[i].id, client)), list[j].weight, &high_i, &low_i);
      multiply(ipvs_log(ipvs_mix(list[j].id, client)), list[i].weight, &high_j, &low_j);
      if (high_j != high_i || low_j != low_i)
        beaten = high_j < high_i || (high_j == high_i && low_j < low_i);
      else
        beaten = j < i;
    }
    if (!beaten) return i;
  }
  return IPVS_NONE;
}

struct asked {
  const char* down;
  u32 calls;
  u32 last;
  u32 agreed;
};

static int usable(void* context, u32 index) {
  struct asked* asked = context;
  expect(!asked->calls || index > asked->last);  // Once for each at most.
  asked->calls++;
  asked->last = index;
  if (asked->down && asked->down[index]) return 0;
  asked->agreed = index;
  return 1;
}

static u32 any_weight(void) {
  switch (random_below(6)) {
    case 0:
      return 0;
    case 1:
      return 1;
    case 2:
      return 100;
    case 3:
      return 1 + random_below(10);
    case 4:
      return 1 + random_below(65535);
    default:
      return 0x7fffffff - random_below(3);
  }
}

static void agrees_with_the_model(void) {
  for (int round = 0; round < 2000; round++) {
    const u32 count = random_below(40);
    char down[40];
    for (u32 i = 0; i < count; i++) {
      // Few ids, so that there are ties.
      servers[i].id = round % 3 ? next_random() : random_below(4);
      servers[i].weight = any_weight();
      down[i] = (char)(random_below(3) == 0);
    }
    const u32 client = (u32)next_random();
    struct asked asked = {down, 0, 0, IPVS_NONE};
    expect(ipvs_hrw(servers, count, client, NULL, NULL) == model(servers, count, client, NULL));
    expect(ipvs_hrw(servers, count, client, usable, &asked) == model(servers, count, client, down));
    expect(asked.agreed == model(servers, count, client, down));
  }
}

static void asks_few(void) {
  u64 calls = 0;
  make_servers(servers, most_servers, 1);
  for (u32 client = 0; client < 500; client++) {
    struct asked asked = {NULL, 0, 0, IPVS_NONE};
    ipvs_hrw(servers, most_servers, client, usable, &asked);
    calls += asked.calls;
  }
  expect(calls < 500 * 12);  // ln 1000 is 6.9.
}

static void all_down_is_one_pass(void) {
  static char down[most_servers];
  struct asked asked = {down, 0, 0, IPVS_NONE};
  memset(down, 1, sizeof down);
  make_servers(servers, most_servers, 1);
  expect(ipvs_hrw(servers, most_servers, 1, usable, &asked) == IPVS_NONE);
  expect(asked.calls == most_servers);
}

// Shares of 200,000 clients are within five standard deviations of the weights.
static void shares_follow_weights(void) {
  enum { clients = 200000, count = 20 };
  for (u32 rule = 0; rule < 5; rule++) {
    u32 got[count] = {0};
    double total = 0;
    make_servers(servers, count, rule);
    for (u32 i = 0; i < count; i++) total += servers[i].weight;
    for (u32 client = 0; client < clients; client++) got[ipvs_hrw(servers, count, client, NULL, NULL)]++;
    for (u32 i = 0; i < count; i++) {
      const double share = servers[i].weight / total;
      expect(fabs(got[i] - clients * share) <= 5 * sqrt(clients * share * (1 - share)) + 1e-9);
    }
  }
}

static void only_what_must_move_moves(void) {
  enum { count = 50, gone = 17 };
  for (u32 rule = 0; rule < 5; rule++) {
    make_servers(servers, count, rule);
    copy_without(others, servers, count, gone);
    for (u32 client = 0; client < 5000; client++) {
      const u32 before = ipvs_hrw(servers, count, client, NULL, NULL);
      u32 after = ipvs_hrw(others, count - 1, client, NULL, NULL);
      if (after >= gone) after++;
      expect(before == gone || after == before);
    }
    memcpy(others, servers, sizeof others);
    others[gone].weight = servers[gone].weight / 2;
    for (u32 client = 0; client < 5000; client++) {
      const u32 before = ipvs_hrw(servers, count, client, NULL, NULL);
      expect(before == gone || ipvs_hrw(others, count, client, NULL, NULL) == before);
    }
  }
}

const struct test hrw_tests[] = {
    {"hrw agrees with the model, ties and servers down included", agrees_with_the_model},
    {"hrw asks for few servers", asks_few},
    {"hrw with all down is one pass", all_down_is_one_pass},
    {"hrw shares follow weights", shares_follow_weights},
    {"hrw moves only what must move", only_what_must_move_moves},
    {NULL, NULL},
};
