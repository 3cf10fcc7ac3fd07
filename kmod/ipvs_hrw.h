/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Keys, hash, logarithm, weighted rendezvous: the base of ipvs_sched.h. */
#ifndef IPVS_HRW_H
#define IPVS_HRW_H

#ifdef __KERNEL__
#include <linux/stddef.h>
#include <linux/types.h>
#else
#include <stddef.h>
typedef __UINT16_TYPE__ u16;
typedef __UINT32_TYPE__ u32;
typedef __UINT64_TYPE__ u64;
typedef __INT64_TYPE__ s64;
#endif

#define IPVS_NONE		0xffffU	/* no server */
#define IPVS_SERVERS_MAX	0xfffeU

#define IPVS_DOMAIN_CLIENT	1U
#define IPVS_DOMAIN_SERVER_LOW	2U
#define IPVS_DOMAIN_SERVER_HIGH	3U
#define IPVS_DOMAIN_MSH		4U

struct ipvs_key {
	u32 family;
	u32 address[4];
	u32 port;
};

struct ipvs_server {
	u64 id;
	u32 weight;		/* 0: never chosen; at most 2^31 - 1 */
	u32 unused;
};

/* Below, at or above 0, as with memcmp(). */
static inline int ipvs_key_compare(const struct ipvs_key *a,
				   const struct ipvs_key *b)
{
	int i;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	for (i = 0; i < 4; i++) {
		if (a->address[i] != b->address[i])
			return a->address[i] < b->address[i] ? -1 : 1;
	}
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	return 0;
}

static inline u32 ipvs_rotl(u32 word, int by)
{
	return word << by | word >> (32 - by);
}

static inline void ipvs_sip_round(u32 v[4])
{
	v[0] += v[1];
	v[1] = ipvs_rotl(v[1], 5) ^ v[0];
	v[0] = ipvs_rotl(v[0], 16);
	v[2] += v[3];
	v[3] = ipvs_rotl(v[3], 8) ^ v[2];
	v[0] += v[3];
	v[3] = ipvs_rotl(v[3], 7) ^ v[0];
	v[2] += v[1];
	v[1] = ipvs_rotl(v[1], 13) ^ v[2];
	v[2] = ipvs_rotl(v[2], 16);
}

static inline void ipvs_sip_word(u32 v[4], u32 word)
{
	v[3] ^= word;
	ipvs_sip_round(v);
	v[0] ^= word;
}

/* HalfSipHash-1-3 (Aumasson, Bernstein), up to the word @tag ... */
static inline void ipvs_hash_begin(u32 v[4], u64 seed, u32 tag)
{
	v[0] = seed & 0xffffffffU;
	v[1] = (u32)(seed >> 32);
	v[2] = v[0] ^ 0x6c796765U;
	v[3] = v[1] ^ 0x74656462U;
	ipvs_sip_word(v, tag);
}

/* ... and from there on, with @count more words. */
static inline u32 ipvs_hash_end(u32 v[4], const u32 *words, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		ipvs_sip_word(v, words[i]);
	ipvs_sip_word(v, (count + 1) << 26);	/* length in bytes << 24 */
	v[2] ^= 0xff;
	ipvs_sip_round(v);
	ipvs_sip_round(v);
	ipvs_sip_round(v);
	return v[1] ^ v[3];
}

static inline u32 ipvs_hash_words(u64 seed, u32 tag, const u32 *words,
				  u32 count)
{
	u32 v[4];

	ipvs_hash_begin(v, seed, tag);
	return ipvs_hash_end(v, words, count);
}

static inline u32 ipvs_hash(u64 seed, u32 domain, const struct ipvs_key *key)
{
	return ipvs_hash_words(seed,
			       domain << 24 | key->family << 16 | key->port,
			       key->address, key->family == 4 ? 1 : 4);
}

static inline u32 ipvs_client(u64 seed, const struct ipvs_key *key)
{
	return ipvs_hash(seed, IPVS_DOMAIN_CLIENT, key);
}

/* What the hashes of clients without a port have in common, by family. */
struct ipvs_clients {
	u64 seed;
	u32 begun[2][4];
};

static inline void ipvs_clients_init(struct ipvs_clients *clients, u64 seed)
{
	clients->seed = seed;
	ipvs_hash_begin(clients->begun[0], seed, IPVS_DOMAIN_CLIENT << 24 | 4 << 16);
	ipvs_hash_begin(clients->begun[1], seed, IPVS_DOMAIN_CLIENT << 24 | 6 << 16);
}

/* ipvs_client(), sooner. */
static inline u32 ipvs_client_of(const struct ipvs_clients *clients,
				 const struct ipvs_key *key)
{
	const u32 *begun = clients->begun[key->family != 4];
	u32 v[4];

	if (key->port)
		return ipvs_client(clients->seed, key);
	v[0] = begun[0];
	v[1] = begun[1];
	v[2] = begun[2];
	v[3] = begun[3];
	if (key->family == 4)
		return ipvs_hash_end(v, key->address, 1);
	return ipvs_hash_end(v, key->address, 4);
}

static inline u64 ipvs_server_id(u64 seed, const struct ipvs_key *key)
{
	return ipvs_hash(seed, IPVS_DOMAIN_SERVER_LOW, key) |
	       (u64)ipvs_hash(seed, IPVS_DOMAIN_SERVER_HIGH, key) << 32;
}

/* 64 random bits of a pair: the finaliser of SplitMix64 over both. */
static inline u64 ipvs_mix(u64 id, u32 client)
{
	u64 x = id ^ client * 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/* The lower bound of ipvs_log() that costs nothing. */
static inline u64 ipvs_log_floor(u64 random)
{
	return random >> 6;
}

/*
 * -ln(1 - @random / 2^64), in units of 2^-58. Wrong by less than one unit and
 * 2^-25 of its value, so shares follow weights to a precision that no number of
 * clients can show; never below ipvs_log_floor().
 */
static inline u64 ipvs_log(u64 random)
{
	/* In units of 2^-16: above 32 / (32 + i); of 2^-32: -ln of that. */
	static const struct {
		u32 inverse, log;
	} table[32] = {
		{ 65536, 0 },		{ 63551, 132099780 },
		{ 61681, 260376672 },	{ 59919, 384854667 },
		{ 58255, 505816943 },	{ 56680, 623535600 },
		{ 55189, 738029794 },	{ 53774, 849585466 },
		{ 52429, 958377871 },	{ 51151, 1064368347 },
		{ 49933, 1167876783 },	{ 48771, 1269007084 },
		{ 47663, 1367707401 },	{ 46604, 1464211198 },
		{ 45591, 1558597595 },	{ 44621, 1650963996 },
		{ 43691, 1741426611 },	{ 42800, 1829920240 },
		{ 41944, 1916690208 },	{ 41121, 2001801235 },
		{ 40330, 2085223807 },	{ 39569, 2167041325U },
		{ 38837, 2247239458U },	{ 38131, 2326034073U },
		{ 37450, 2403433205U },	{ 36793, 2479450261U },
		{ 36158, 2554223003U },	{ 35545, 2627661467U },
		{ 34953, 2699796291U },	{ 34380, 2770789102U },
		{ 33826, 2840561973U },	{ 33289, 2909293155U },
	};
	/* In units of 2^-32. */
	const u64 half = 0x80000000U, third = 0x55555555U, quarter = 0x40000000U;
	const u64 fifth = 0x33333333U, sixth = 0x2aaaaaabU, ln2 = 0xb17217f8U;
	u64 floor = ipvs_log_floor(random);
	u64 x, y, sum;
	u32 shift, i;

	if (floor >> 53 == 0) {
		/* Below 1/32, d + d (d/2 + d^2/3 + d^3/4 + ...). */
		y = floor >> 26;
		sum = quarter + (y * (fifth + (y * sixth >> 32)) >> 32);
		sum = y * (half + (y * (third + (y * sum >> 32)) >> 32)) >> 32;
		return floor + ((floor >> 21) * sum >> 11);
	}

	/* 1 - d = x / 2^63 / 2^shift with x / 2^63 in 1..2 */
	x = 0 - random;
	shift = 1;
	for (i = 32; i; i >>= 1) {
		if (x >> (64 - i) == 0) {
			x <<= i;
			shift += i;
		}
	}
	i = (u32)(x >> 58) & 31;
	/* x / 2^63 * inverse = 1 + y, y below 1/31; ln(1 + y) = y - y^2/2 ... */
	y = ((x >> 32) * table[i].inverse - (1ULL << 47)) >> 15;
	sum = quarter - (y * (fifth - (y * sixth >> 32)) >> 32);
	sum = half - (y * (third - (y * sum >> 32)) >> 32);
	sum = y - (y * (y * sum >> 32) >> 32);
	return (shift * ln2 - table[i].log - sum) << 26;
}

/* @a / @a_weight < @b / @b_weight, exactly: products of 96 bits. */
static inline int ipvs_less(u64 a, u32 a_weight, u64 b, u32 b_weight)
{
	u64 a_low, b_low, a_high, b_high;

	if (a_weight == b_weight)
		return a < b;
	a_low = (u64)(u32)a * b_weight;
	b_low = (u64)(u32)b * a_weight;
	a_high = (a >> 32) * b_weight + (a_low >> 32);
	b_high = (b >> 32) * a_weight + (b_low >> 32);
	if (a_high != b_high)
		return a_high < b_high;
	return (u32)a_low < (u32)b_low;
}

/*
 * The server of @client, or IPVS_NONE. @usable, unless NULL, is asked only for
 * those that would win: about ln(@count) times if all are usable, and never
 * more than once for each. The last one it agreed to is the winner.
 */
static inline u32 ipvs_hrw(const struct ipvs_server *servers, u32 count,
			   u32 client,
			   int (*usable)(void *context, u32 index),
			   void *context)
{
	u32 best = IPVS_NONE, best_weight = 0;
	u64 best_log = 0;
	u64 random, log;
	u32 i, weight;

	for (i = 0; i < count; i++) {
		weight = servers[i].weight;
		if (!weight)
			continue;
		random = ipvs_mix(servers[i].id, client);
		/* Spares almost every logarithm and loses no winner. */
		if (best != IPVS_NONE &&
		    !ipvs_less(ipvs_log_floor(random), weight,
			       best_log, best_weight))
			continue;
		log = ipvs_log(random);
		if (best != IPVS_NONE &&
		    !ipvs_less(log, weight, best_log, best_weight))
			continue;
		if (usable && !usable(context, i))
			continue;
		best = i;
		best_log = log;
		best_weight = weight;
	}
	return best;
}

#endif /* IPVS_HRW_H */
