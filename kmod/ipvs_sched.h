/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The algorithms of msh, maglev and hrw: what the modules, the library and the
 * tests all compile.
 *
 * Integers only: no C library, no kernel call, no allocation, no floating
 * point, no byte order, no word size. C (gnu89 on) and C++.
 *
 * The contract, version IPVS_SCHED_CONTRACT. Directors choose alike when they
 * have the same servers and weights, flags of the service, seed, table size and
 * contract version; any change of what follows is a new version.
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

#define IPVS_PHASE_BITS		12
#define IPVS_PHASE_MASK		((1U << IPVS_PHASE_BITS) - 1)

/* Scratch memory of ipvs_maglev_fill(), one for each server. */
struct ipvs_turn {
	u32 next;		/* where its permutation is */
	u32 skip;
	u32 due;		/* n + phase for its n-th further slot */
	u32 heap;		/* of servers: this place in it */
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

/* Whether @a is due before @b: (n + phase) / weight is less, exactly. */
static inline int ipvs_turn_before(const struct ipvs_server *servers,
				   const struct ipvs_turn *turns, u32 a, u32 b)
{
	u64 a_due = (u64)turns[a].due * servers[b].weight;
	u64 b_due = (u64)turns[b].due * servers[a].weight;

	return a_due != b_due ? a_due < b_due : a < b;
}

/* Restores the heap of @count servers below the place @at. */
static inline void ipvs_turn_sink(const struct ipvs_server *servers,
				  struct ipvs_turn *turns, u32 count, u32 at)
{
	u32 server = turns[at].heap;
	u32 child;

	for (child = 2 * at + 1; child < count; child = 2 * at + 1) {
		if (child + 1 < count &&
		    ipvs_turn_before(servers, turns, turns[child + 1].heap,
				     turns[child].heap))
			child++;
		if (ipvs_turn_before(servers, turns, server, turns[child].heap))
			break;
		turns[at].heap = turns[child].heap;
		at = child;
	}
	turns[at].heap = server;
}

/*
 * Maglev (Eisenbud et al. 2016) with fractional turns. @size is a prime. Each
 * server has a permutation of the slots: from (id low word) * size >> 32, step
 * 1 + ((id high word) * (size - 1) >> 32). First every server takes the first
 * free slot of its permutation. Then they take further ones, a server its n-th
 * at the time (n + phase) / weight with a phase of (id mod 2^12) / 2^12 (of two
 * at the same time the first in order goes first), until no slot is left. So
 * every server has one slot or, if that is more, as many as its weight gives
 * it, rounded up or down by chance; and whatever happens to one server, the
 * others' turns are where they were.
 *
 * Takes O(@size * log(@count)) and about @size * ln(@size) probes, whatever the
 * weights are. Beyond @size servers the last ones get no slot.
 */
static inline void ipvs_maglev_fill(u16 *slots, u32 size,
				    const struct ipvs_server *servers,
				    u32 count, struct ipvs_turn *turns)
{
	u32 live = 0;
	u32 left = size;
	u32 i;

	for (i = 0; i < size; i++)
		slots[i] = IPVS_NONE;
	for (i = 0; i < count && left; i++) {
		if (!servers[i].weight)
			continue;
		turns[i].next = ipvs_maglev_slot((u32)servers[i].id, size);
		turns[i].skip = 1 + ipvs_maglev_slot((u32)(servers[i].id >> 32),
						     size - 1);
		turns[i].due = (u32)(1 << IPVS_PHASE_BITS |
				     (servers[i].id & IPVS_PHASE_MASK));
		turns[live++].heap = i;
		ipvs_maglev_take(slots, size, &turns[i], i);
		left--;
	}
	if (!live)
		return;
	for (i = live / 2; i; i--)
		ipvs_turn_sink(servers, turns, live, i - 1);
	for (; left; left--) {
		i = turns[0].heap;
		ipvs_maglev_take(slots, size, &turns[i], i);
		turns[i].due += 1 << IPVS_PHASE_BITS;
		ipvs_turn_sink(servers, turns, live, 0);
		if (!(left & 255))
			IPVS_RELAX();
	}
}

static inline u64 ipvs_sum(u64 sum, u64 word)
{
	sum = (sum ^ word) * 0x9e3779b97f4a7c15ULL;
	return sum ^ sum >> 32;
}

/*
 * Equal if, and practically only if, two directors whose services have the same
 * flags choose alike. @size is 0 for hrw, which has no slots. Not for the eyes
 * of clients: it tells about the seed.
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
