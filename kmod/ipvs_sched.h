/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The algorithms of msh, maglev and hrw: what the modules, the library and the
 * tests all compile.
 *
 * Integers only: no C library, no kernel call, no allocation, no floating
 * point, no byte order, no word size. C (gnu89 on) and C++.
 *
 * The contract, version IPVS_SCHED_CONTRACT. Directors choose alike when they
 * have the same servers and weights, seed, table size and contract version; any
 * change of what follows is a new version.
 *
 *  key     family 4 or 6; address as 32-bit words in host order, most
 *          significant first, one for IPv4 and four for IPv6 (others 0); port
 *          in host order. A client's port is 0 unless the port flag is set.
 *          A server has the family of its own address, not of its service.
 *  order   of servers: by family, address words, port. Every list of servers
 *          below is sorted so and holds a server once; the lower one wins ties.
 *  hash    HalfSipHash-1-3, 32 bits out, key = low and high word of the seed,
 *          over (domain << 24 | family << 16 | port, address words...).
 *  id      of a server: hash in domain 2 (low word), in domain 3 (high word).
 *  client  of maglev and hrw: hash in domain 1. Of msh: the number of its slot.
 *  hrw     the server with weight > 0 and the least ipvs_log(ipvs_mix(id,
 *          client)) / weight; exact fractions, so weights are not rounded.
 *  msh     slot = top bits of add + address words * factors + port * factor
 *          mod 2^64, see ipvs_msh_init(); its owner = hrw of the slot's number.
 *  maglev  slot = client * size >> 32; filled as ipvs_maglev_fill() says.
 *
 * If the owner of a slot cannot take a client: hrw among those that can, of the
 * slot's number (msh: as if the owner were not there) or of the client (maglev).
 */
#ifndef IPVS_SCHED_H
#define IPVS_SCHED_H

#include "ipvs_hrw.h"

/* Called now and then in what takes long; for a kernel that wants to yield. */
#ifndef IPVS_RELAX
#define IPVS_RELAX() do { } while (0)
#endif

#define IPVS_SCHED_CONTRACT	1

#define IPVS_MSH_BITS_MIN	8U
#define IPVS_MSH_BITS_MAX	20U
#define IPVS_MSH_BITS_DEFAULT	15U

#define IPVS_MAGLEV_SIZE_MIN	251U
#define IPVS_MAGLEV_SIZE_MAX	131071U
#define IPVS_MAGLEV_SIZE_DEFAULT 16381U

/* The msh hash of one seed. */
struct ipvs_msh {
	u64 add;
	u64 factor[5];		/* of the address words, of the port */
};

/* Scratch memory of ipvs_maglev_fill(), one for each server. */
struct ipvs_turn {
	s64 credit;
	u32 next;
	u32 skip;
};

/*
 * Multiply-shift (Dietzfelbinger et al. 1996; for vectors Thorup 2015): for a
 * random seed any two clients share a slot with a probability of 1 / slots,
 * because it is the high bits of the product that every bit of the input
 * reaches. Factors are odd, no word is lost.
 */
static inline void ipvs_msh_init(struct ipvs_msh *msh, u64 seed)
{
	u64 words[6];
	u32 i;

	for (i = 0; i < 6; i++) {
		u32 tag = IPVS_DOMAIN_MSH << 24 | i << 1;

		words[i] = ipvs_hash_words(seed, tag, NULL, 0) |
			   (u64)ipvs_hash_words(seed, tag + 1, NULL, 0) << 32;
	}
	msh->add = words[0];
	for (i = 0; i < 5; i++)
		msh->factor[i] = words[i + 1] | 1;
}

/* Words that are 0 add nothing, so IPv4 needs one multiplication. */
static inline u32 ipvs_msh_slot(const struct ipvs_msh *msh,
				const struct ipvs_key *key, u32 bits)
{
	u64 sum = msh->add + key->address[0] * msh->factor[0];

	if (key->family != 4) {
		sum += key->address[1] * msh->factor[1];
		sum += key->address[2] * msh->factor[2];
		sum += key->address[3] * msh->factor[3];
	}
	if (key->port)
		sum += key->port * msh->factor[4];
	return (u32)(sum >> (64 - bits));
}

/*
 * The owners of @size slots. The first time, @kept is NULL, and it takes
 * O(size * count). Afterwards only what must move does: @kept maps the old
 * indexes in @slots to new ones, or to IPVS_NONE for servers gone or with less
 * weight than before; @risen lists servers that are new or have more weight.
 * That takes O(size) for a change of one server, (slots lost) * count included.
 * Both ways end in the same table.
 */
static inline void ipvs_msh_fill(u16 *slots, u32 size,
				 const struct ipvs_server *servers, u32 count,
				 const u16 *kept, const u16 *risen,
				 u32 risen_count)
{
	u64 owner_log, log;
	u32 slot, owner, i;

	for (slot = 0; slot < size; slot++) {
		if (!(slot & 255))
			IPVS_RELAX();
		owner = IPVS_NONE;
		if (kept && slots[slot] != IPVS_NONE)
			owner = kept[slots[slot]];
		if (owner == IPVS_NONE) {
			slots[slot] = (u16)ipvs_hrw(servers, count, slot,
						    NULL, NULL);
			continue;
		}
		if (risen_count)
			owner_log = ipvs_log(ipvs_mix(servers[owner].id, slot));
		else
			owner_log = 0;
		for (i = 0; i < risen_count; i++) {
			const struct ipvs_server *other = &servers[risen[i]];
			u64 random = ipvs_mix(other->id, slot);

			if (ipvs_less(owner_log, servers[owner].weight,
				      ipvs_log_floor(random), other->weight))
				continue;
			log = ipvs_log(random);
			if (ipvs_less(owner_log, servers[owner].weight,
				      log, other->weight))
				continue;
			if (risen[i] > owner &&
			    !ipvs_less(log, other->weight, owner_log,
				       servers[owner].weight))
				continue;
			owner = risen[i];
			owner_log = log;
		}
		slots[slot] = (u16)owner;
	}
}

static inline u32 ipvs_maglev_slot(u32 client, u32 size)
{
	return (u32)((u64)client * size >> 32);
}

/* Gives the first free slot of its permutation to @server. */
static inline void ipvs_maglev_take(u16 *slots, u32 size,
				    struct ipvs_turn *turn, u32 server)
{
	while (slots[turn->next] != IPVS_NONE) {
		turn->next += turn->skip;
		if (turn->next >= size)
			turn->next -= size;
	}
	slots[turn->next] = (u16)server;
}

/*
 * Maglev (Eisenbud et al. 2016) with fractional turns. @size is a prime. Each
 * server has a permutation of the slots: from (id low word) * size >> 32, step
 * 1 + ((id high word) * (size - 1) >> 32). In round 0 every server takes the
 * first free slot of its permutation; then it takes its n-th further one in the
 * first round r with r * weight >= (n + 1/2) * 2^k, where 2^k is the power of
 * two next to the mean weight, not below it. It depends on nothing else, so
 * that a weight of 99 instead of 100, or one server less, leaves the others'
 * turns where they were.
 *
 * At most 2 * @size / @count + 3 rounds, whatever the weights are; about
 * @size * ln(@size) probes. Beyond @size servers the last ones get no slot.
 */
static inline void ipvs_maglev_fill(u16 *slots, u32 size,
				    const struct ipvs_server *servers,
				    u32 count, struct ipvs_turn *turns)
{
	s64 unit = 1;
	u64 total = 0;
	u32 live = 0, left = size;
	u32 i;

	for (i = 0; i < size; i++)
		slots[i] = IPVS_NONE;
	for (i = 0; i < count; i++) {
		total += servers[i].weight;
		live += !!servers[i].weight;
	}
	if (!live)
		return;
	while ((u64)unit * live < total)
		unit <<= 1;

	/* In halves of weight units: a slot costs 2 * @unit. */
	for (i = 0; i < count && left; i++) {
		if (!servers[i].weight)
			continue;
		turns[i].next = ipvs_maglev_slot((u32)servers[i].id, size);
		turns[i].skip = 1 + ipvs_maglev_slot((u32)(servers[i].id >> 32),
						     size - 1);
		turns[i].credit = -3 * unit;
		ipvs_maglev_take(slots, size, &turns[i], i);
		left--;
	}
	for (i = 0; left; i = i + 1 < count ? i + 1 : 0) {
		if (!servers[i].weight)
			continue;
		turns[i].credit += 2 * (s64)servers[i].weight;
		for (; turns[i].credit >= 0 && left; left--) {
			ipvs_maglev_take(slots, size, &turns[i], i);
			turns[i].credit -= 2 * unit;
			if (!(left & 255))
				IPVS_RELAX();
		}
	}
}

static inline u64 ipvs_sum(u64 sum, u64 word)
{
	sum = (sum ^ word) * 0x9e3779b97f4a7c15ULL;
	return sum ^ sum >> 32;
}

/*
 * Equal if, and practically only if, two directors choose alike. @size is 0
 * for hrw, which has no slots. Not for the eyes of clients: it tells about the
 * seed.
 */
static inline u64 ipvs_checksum(const struct ipvs_server *servers, u32 count,
				const u16 *slots, u32 size)
{
	u64 sum = ipvs_sum(IPVS_SCHED_CONTRACT, size);
	u32 i;

	for (i = 0; i < count; i++) {
		if (servers[i].weight)
			sum = ipvs_sum(ipvs_sum(sum, servers[i].id),
				       servers[i].weight);
	}
	for (i = 0; i < size; i++)
		sum = ipvs_sum(sum, slots[i] == IPVS_NONE ?
				    0 : servers[slots[i]].id);
	return sum;
}

#endif /* IPVS_SCHED_H */
