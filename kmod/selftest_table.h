/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The tables and choices that vectors.def has sums of. */
#ifndef IPVS_SELFTEST_TABLE_H
#define IPVS_SELFTEST_TABLE_H

#include "ipvs_sched.h"

#define IPVS_SELFTEST_SERVERS	1000U
#define IPVS_SELFTEST_SLOTS	65536U
#define IPVS_SELFTEST_CLIENTS	1000U

struct ipvs_selftest {
	struct ipvs_server servers[IPVS_SELFTEST_SERVERS];
	struct ipvs_turn turns[IPVS_SELFTEST_SERVERS];
	u16 slots[IPVS_SELFTEST_SLOTS];
};

enum ipvs_selftest_scheduler { IPVS_HRW, IPVS_MSH, IPVS_MAGLEV };

/* Sparse takes an initialiser in an inlined function for two. */
static inline void ipvs_selftest_set(struct ipvs_key *key, u32 family, u32 a0,
				     u32 a1, u32 a2, u32 a3, u32 port)
{
	key->family = family;
	key->address[0] = a0;
	key->address[1] = a1;
	key->address[2] = a2;
	key->address[3] = a3;
	key->port = port;
}

/* Server @i of @count, by the rules that vectors.def tells. */
static inline void ipvs_selftest_server(struct ipvs_server *server, u64 seed,
					u32 family, u32 count, u32 weights,
					u32 i)
{
	struct ipvs_key key;

	if (family == 4)
		ipvs_selftest_set(&key, 4, 0x0a000000 + i, 0, 0, 0, 80 + i % 3);
	else
		ipvs_selftest_set(&key, family, 0x20010db8, i, 0, i ^ 0x5a,
				  80 + i % 3);
	server->id = ipvs_server_id(seed, &key);
	server->unused = 0;
	if (weights == 0)
		server->weight = 1;
	else if (weights == 1)
		server->weight = 1 + i % 10;
	else if (weights == 2)
		server->weight = i == count / 2 ? 1000 : 1;
	else if (weights == 3)
		server->weight = i == count / 2 ? 99 : 100;
	else
		server->weight = i % 4;
}

/* The sum of what the clients 192.0.2.0, 192.1.2.1, 192.2.2.2, ... get. */
static inline u64 ipvs_selftest_choices(const struct ipvs_selftest *memory,
					enum ipvs_selftest_scheduler scheduler,
					u64 seed, u32 count, u32 size)
{
	struct ipvs_key key;
	struct ipvs_msh msh;
	u64 sum = 0;
	u32 bits = 0;
	u32 i, choice;

	while (1U << bits < size)
		bits++;
	ipvs_selftest_set(&key, 4, 0, 0, 0, 0, 0);
	ipvs_msh_init(&msh, seed);
	for (i = 0; i < IPVS_SELFTEST_CLIENTS; i++) {
		u32 client;

		key.address[0] = 0xc0000200 + i * 0x10001;
		client = ipvs_client(seed, &key);
		if (scheduler == IPVS_HRW)
			choice = ipvs_hrw(memory->servers, count, client, NULL,
					  NULL);
		else if (scheduler == IPVS_MSH)
			choice = memory->slots[ipvs_msh_slot(&msh, &key, bits)];
		else
			choice = memory->slots[ipvs_maglev_slot(client, size)];
		sum = ipvs_sum(sum, choice);
	}
	return sum;
}

static inline void ipvs_selftest_table(struct ipvs_selftest *memory,
				       enum ipvs_selftest_scheduler scheduler,
				       u64 seed, u32 family, u32 count,
				       u32 weights, u32 size, u64 *checksum,
				       u64 *choices)
{
	u32 i;

	for (i = 0; i < count; i++)
		ipvs_selftest_server(&memory->servers[i], seed, family, count,
				     weights, i);
	if (scheduler == IPVS_MSH)
		ipvs_msh_fill(memory->slots, size, memory->servers, count,
			      NULL, NULL, 0);
	else if (scheduler == IPVS_MAGLEV)
		ipvs_maglev_fill(memory->slots, size, memory->servers, count,
				 memory->turns);
	*checksum = ipvs_checksum(memory->servers, count, memory->slots, size);
	*choices = ipvs_selftest_choices(memory, scheduler, seed, count, size);
}

#endif /* IPVS_SELFTEST_TABLE_H */
