// The slots of msh: clients spread over them, owners after any history, cost of a change.
// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "test.h"

static struct ipvs_server servers[most_servers];
static u16 slots[most_slots], fresh[most_slots], before[most_slots];

// Peak to mean of `count` clients, base + i * step, over 10 servers.
static double spread(u64 seed, u32 base, u32 step, u32 count, u32 port_step) {
  u32 got[10] = {0}, peak = 0;
  struct ipvs_msh msh;
  ipvs_msh_init(&msh, seed);
  for (u32 i = 0; i < count; i++) {
    const struct ipvs_key key = {
        4, {base + i * step, 0, 0, 0}, port_step ? 1024 + i * port_step % 64512 : 0};
    got[slots[ipvs_msh_slot(&msh, &key, IPVS_MSH_BITS_DEFAULT)]]++;
  }
  for (int i = 0; i < 10; i++) peak = got[i] > peak ? got[i] : peak;
  return peak * 10.0 / count;
}

// Populations on which hashing by the low bits uses a single server, or half of them.
static void regular_clients_are_spread(void) {
  make_servers(servers, 10, 0);
  for (u64 seed = 0; seed < 3; seed++) {
    for (u32 i = 0; i < 10; i++) ipvs_selftest_server(&servers[i], seed, 4, 10, 0, i);
    ipvs_msh_fill(slots, 1U << IPVS_MSH_BITS_DEFAULT, servers, 10, NULL, NULL, 0);
    expect(spread(seed, 0x0a000001, 256, 65536, 0) < 1.15);  // One NAT in every /24.
    expect(spread(seed, 0x0a000001, 4, 65536, 0) < 1.15);    // First hosts of /30s.
    expect(spread(seed, 0x0a000000, 16, 65536, 0) < 1.15);
    expect(spread(seed, 0x0a000000, 1, 65536, 0) < 1.15);  // Neighbours.
    expect(spread(seed, 0x0a000001, 0, 4032, 16) < 1.25);  // One client, regular ports.
    expect(spread(seed, 0x0a000001, 0, 252, 256) < 2);
    expect(spread(seed, 0x01000001, 0x01000000, 250, 0) < 2);  // One in every /8.
  }
}

struct member {
  u32 number;  // Tells servers apart, and orders them.
  struct ipvs_server server;
  u32 live_weight;
  u32 live;
};

// What the module does for any set of changes: the table of before, and what has become of its servers.
static void update(struct member* members, u32 count, u32 old_count, u32 size) {
  u16 kept[64], risen[64];
  u32 risen_count = 0, index = 0;
  for (u32 i = 0; i < old_count; i++) kept[i] = IPVS_NONE;
  for (u32 i = 0; i < count; i++) {
    struct member* const member = &members[i];
    if (!member->server.weight) continue;
    servers[index] = member->server;
    if (member->live != IPVS_NONE && member->server.weight >= member->live_weight)
      kept[member->live] = (u16)index;
    if (member->live == IPVS_NONE || member->server.weight > member->live_weight)
      risen[risen_count++] = (u16)index;
    index++;
  }
  ipvs_msh_fill(slots, size, servers, index, kept, risen, risen_count);
}

static u32 settle(struct member* members, u32 count) {
  u32 index = 0;
  for (u32 i = 0; i < count; i++) {
    members[i].live_weight = members[i].server.weight;
    members[i].live = members[i].server.weight ? index++ : IPVS_NONE;
  }
  return index;
}

static u32 change(struct member* members, u32 count) {
  u32 at = random_below(count + 1);
  if (count < 40 && (count < 3 || random_below(3) == 0)) {
    const struct member added = {0, {next_random(), random_below(5), 0}, 0, IPVS_NONE};
    memmove(&members[at + 1], &members[at], (count - at) * sizeof *members);
    members[at] = added;
    return count + 1;
  }
  if (at == count) at--;
  if (random_below(2)) {
    memmove(&members[at], &members[at + 1], (count - at - 1) * sizeof *members);
    return count - 1;
  }
  members[at].server.weight = random_below(5) * random_below(200);
  return count;
}

// Whatever was added, removed and re-weighted before, several at a time: the table is that of a fresh
// start.
static void history_leaves_no_trace(void) {
  struct member members[64];
  const u32 size = 1024;
  u32 count = 0, live = 0;
  for (u32 i = 0; i < size; i++) slots[i] = IPVS_NONE;
  for (int round = 0; round < 1500; round++) {
    for (u32 changes = 1 + random_below(3); changes; changes--) count = change(members, count);
    update(members, count, live, size);
    live = settle(members, count);
    ipvs_msh_fill(fresh, size, servers, live, NULL, NULL, 0);
    expect(memcmp(slots, fresh, size * sizeof *slots) == 0);
  }
}

static void only_what_must_move_moves(void) {
  const u32 size = 1U << IPVS_MSH_BITS_DEFAULT;
  static struct ipvs_server fewer[most_servers];
  make_servers(servers, 50, 1);
  ipvs_msh_fill(before, size, servers, 50, NULL, NULL, 0);
  copy_without(fewer, servers, 50, 20);
  ipvs_msh_fill(slots, size, fewer, 49, NULL, NULL, 0);
  for (u32 i = 0; i < size; i++) {
    const u32 owner = slots[i] + (u32)(slots[i] >= 20);
    expect(before[i] == 20 || owner == before[i]);
  }
}

static int not_five(void* context, u32 index) {
  (void)context;
  return index != 5;
}

// Clients of an overloaded server go where they would go if it were removed.
static void fallback_is_the_table_without_it(void) {
  static struct ipvs_server fewer[most_servers];
  make_servers(servers, 30, 1);
  copy_without(fewer, servers, 30, 5);
  ipvs_msh_fill(slots, 4096, fewer, 29, NULL, NULL, 0);
  for (u32 slot = 0; slot < 4096; slot++) {
    const u32 owner = slots[slot] + (u32)(slots[slot] >= 5);
    expect(ipvs_hrw(servers, 30, slot, not_five, NULL) == owner);
  }
}

const struct test msh_tests[] = {
    {"msh spreads regular addresses and ports", regular_clients_are_spread},
    {"msh tables do not depend on history", history_leaves_no_trace},
    {"msh moves only what must move", only_what_must_move_moves},
    {"msh falls back to the table without the server", fallback_is_the_table_without_it},
    {NULL, NULL},
};
