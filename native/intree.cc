// sh and mh: see intree.h. Written from their behaviour; SipHash from its paper.
// SPDX-License-Identifier: MIT
#include "intree.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace intree {
namespace {

constexpr u64 mhKey1 = 2654435761;
constexpr u64 mhKey2 = 2654446892;

constexpr u64 rotl(u64 word, int by) {
  return word << by | word >> (64 - by);
}

void sipRound(u64 (&v)[4]) {
  v[0] += v[1];
  v[1] = rotl(v[1], 13) ^ v[0];
  v[0] = rotl(v[0], 32);
  v[2] += v[3];
  v[3] = rotl(v[3], 16) ^ v[2];
  v[0] += v[3];
  v[3] = rotl(v[3], 21) ^ v[0];
  v[2] += v[1];
  v[1] = rotl(v[1], 17) ^ v[2];
  v[2] = rotl(v[2], 32);
}

// SipHash-1-3 (Aumasson, Bernstein) of four bytes; of the key both halves are `key`; cut to 32 bits.
u32 sipHash(u64 key, u32 word) {
  u64 v[4] = {key ^ 0x736f6d6570736575, key ^ 0x646f72616e646f6d, key ^ 0x6c7967656e657261,
              key ^ 0x7465646279746573};
  const u64 block = static_cast<u64>(4) << 56 | word;
  v[3] ^= block;
  sipRound(v);
  v[0] ^= block;
  v[2] ^= 0xff;
  for (int i = 0; i < 3; ++i) sipRound(v);
  return static_cast<u32>(v[0] ^ v[1] ^ v[2] ^ v[3]);
}

struct Turn {
  u16 server;
  u32 next;
  u32 skip;
  u32 slots;
};

u32 bitsOf(u32 number) {
  u32 bits = 0;
  for (; number != 0; number >>= 1) ++bits;
  return bits;
}

// Slots in a row of a server in each round: weights without their common divisor, cut to the bits that fit.
std::vector<Turn> turnsOf(const ipvs_server* servers, u32 count, u32 size) {
  u32 divisor = 0;
  u32 most = 0;
  for (u32 i = 0; i < count; ++i) {
    divisor = std::gcd(divisor, servers[i].weight);
    most = std::max(most, servers[i].weight);
  }
  std::vector<Turn> turns;
  if (divisor == 0) return turns;
  const u32 steps = std::max(size, 2U) - 1;
  const u32 room = bitsOf(size) / 2;  // sizes lie just below 2^8, 2^9 ... 2^17
  const u32 bits = bitsOf(most / divisor);
  const u32 shift = bits > room ? bits - room : 0;
  for (u32 i = 0; i < count; ++i) {
    const u32 weight = servers[i].weight;
    if (weight == 0) continue;
    const auto first = static_cast<u32>(servers[i].id) % size;
    const auto skip = static_cast<u32>(servers[i].id >> 32) % steps + 1;
    turns.push_back({static_cast<u16>(i), first, skip, std::max(weight / divisor >> shift, 1U)});
  }
  return turns;
}

}  // namespace

u32 sumOf(const ipvs_key& key) {
  const u32* words = key.address;
  return (key.family == 4 ? words[0] : words[0] ^ words[1] ^ words[2] ^ words[3]) + key.port;
}

u32 shSlot(u32 client, u32 size) {
  return static_cast<u32>(static_cast<u64>(client * 0x61c88647U) * size >> 32);
}

void shFill(u16* slots, u32 size, const ipvs_server* servers, u32 count) {
  u32 server = 0;
  u32 given = 0;
  for (u32 slot = 0; slot < size; ++slot) {
    slots[slot] = static_cast<u16>(count == 0 ? IPVS_NONE : server);
    if (count == 0 || ++given < servers[server].weight) continue;
    server = server + 1 < count ? server + 1 : 0;
    given = 0;
  }
}

u32 shFallback(const u16* slots, u32 size, u32 slot, const unsigned char* unusable) {
  const u32 owner = slots[slot];
  if (owner == IPVS_NONE || unusable[owner] == 0) return owner;
  for (u32 i = 0; i < size; ++i) {
    const u32 other = slots[(2 * slot + i) & (size - 1)];
    if (other == IPVS_NONE || unusable[other] == 0) return other;
  }
  return IPVS_NONE;
}

u64 mhId(u32 server) {
  return sipHash(mhKey1, server) | static_cast<u64>(sipHash(mhKey2, server)) << 32;
}

u32 mhSlot(u32 client, u32 size) {
  return sipHash(mhKey1, client) % size;
}

void mhFill(u16* slots, u32 size, const ipvs_server* servers, u32 count) {
  std::fill_n(slots, size, static_cast<u16>(IPVS_NONE));
  std::vector<Turn> turns = turnsOf(servers, count, size);
  if (turns.empty()) return;
  for (u32 left = size; left > 0;) {
    for (Turn& turn : turns) {
      for (u32 i = 0; i < turn.slots && left > 0; ++i, --left) {
        while (slots[turn.next] != IPVS_NONE) turn.next = (turn.next + turn.skip) % size;
        slots[turn.next] = turn.server;
      }
    }
  }
}

u32 mhFallback(const u16* slots, u32 size, u32 client, const unsigned char* unusable) {
  const u32 slot = mhSlot(client, size);
  const u32 owner = slots[slot];
  if (owner == IPVS_NONE || unusable[owner] == 0) return owner;
  for (u32 i = 0; i < size; ++i) {
    const u32 other = slots[mhSlot(client + (i + slot) % size, size)];
    if (other == IPVS_NONE || unusable[other] == 0) return other;
  }
  return IPVS_NONE;
}

}  // namespace intree
