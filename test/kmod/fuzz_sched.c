// Any servers, any sizes: no undefined behaviour, nothing out of bounds, incremental equals fresh.
// SPDX-License-Identifier: MIT
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../kmod/ipvs_sched.h"

enum { most = 64 };

static void require(int ok) {
  if (!ok) abort();
}

// From bytes: a weight, an id of few or many values.
static u32 read_servers(struct ipvs_server* servers, const uint8_t** data, size_t* size, u32 limit) {
  u32 count = 0;
  while (count < limit && *size >= 6) {
    u32 weight, id;
    memcpy(&weight, *data, 4);
    memcpy(&id, *data + 4, 2);
    id &= 0xffff;
    servers[count].id = id & 1 ? (u64)id * 0x9e3779b97f4a7c15 : id >> 8;
    servers[count].weight = weight & 0x80000000 ? weight & 3 : weight;
    servers[count].unused = 0;
    count++;
    *data += 6;
    *size -= 6;
  }
  return count;
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const u32 primes[] = {251, 509, 1021};
  if (size < 8) return 0;
  const u32 prime = primes[data[0] % 3], slots_count = 256U << data[1] % 3;
  const u32 limit = data[2] % most;
  u32 client, changed = data[3] % most, weight = data[4];
  memcpy(&client, data + 4, 4);
  data += 8;
  size -= 8;

  // Exact sizes on the heap, for the sanitizer to see a step beyond.
  struct ipvs_server* servers = malloc((limit + 1) * sizeof *servers);
  u32 count = read_servers(servers, &data, &size, limit);
  servers = realloc(servers, (count + 1) * sizeof *servers);
  struct ipvs_turn* turns = malloc((count + 1) * sizeof *turns);
  u16* slots = malloc(prime * sizeof *slots);
  ipvs_maglev_fill(slots, prime, servers, count, turns);
  u64 total = 0;
  for (u32 i = 0; i < count; i++) total += servers[i].weight;
  u32* got = calloc(count + 1, sizeof *got);
  for (u32 i = 0; i < prime; i++) {
    require(total ? slots[i] < count && servers[slots[i]].weight : slots[i] == IPVS_NONE);
    if (total) got[slots[i]]++;
  }
  for (u32 i = 0; i < count; i++) require(!servers[i].weight == !got[i]);
  require(ipvs_maglev_slot(client, prime) < prime);
  free(slots);

  u16* before = malloc(slots_count * sizeof *before);
  u16* after = malloc(slots_count * sizeof *after);
  u16 kept[most], risen[1];
  u32 risen_count = 0;
  ipvs_msh_fill(before, slots_count, servers, count, NULL, NULL, 0);
  if (count) {
    changed %= count;
    for (u32 i = 0; i < count; i++) kept[i] = (u16)i;
    if (weight < servers[changed].weight || !weight) kept[changed] = IPVS_NONE;
    if (weight > servers[changed].weight) risen[risen_count++] = (u16)changed;
    servers[changed].weight = weight;
    ipvs_msh_fill(before, slots_count, servers, count, kept, risen, risen_count);
  }
  ipvs_msh_fill(after, slots_count, servers, count, NULL, NULL, 0);
  require(memcmp(before, after, slots_count * sizeof *after) == 0);
  (void)ipvs_checksum(servers, count, after, slots_count);
  free(before);
  free(after);

  const u32 best = ipvs_hrw(servers, count, client, NULL, NULL);
  require(best == IPVS_NONE || (best < count && servers[best].weight));
  free(got);
  free(turns);
  free(servers);
  return 0;
}
