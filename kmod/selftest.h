/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Checks ipvs_sched.h, as compiled here, against vectors.def. */
#ifndef IPVS_SELFTEST_H
#define IPVS_SELFTEST_H

#include "selftest_table.h"

static inline int ipvs_selftest_key(u64 seed, u32 family, u32 a0, u32 a1,
				    u32 a2, u32 a3, u32 port, u32 client,
				    u64 id, u32 slot)
{
	struct ipvs_key key;
	struct ipvs_clients clients;
	struct ipvs_msh msh;

	ipvs_selftest_set(&key, family, a0, a1, a2, a3, port);
	ipvs_msh_init(&msh, seed);
	ipvs_clients_init(&clients, seed);
	return ipvs_client(seed, &key) == client &&
	       ipvs_client_of(&clients, &key) == client &&
	       ipvs_server_id(seed, &key) == id &&
	       ipvs_msh_slot(&msh, &key, 20) == slot;
}

static inline int ipvs_selftest_same(struct ipvs_selftest *memory,
				     int scheduler, u64 seed, u32 family,
				     u32 count, u32 weights, u32 size,
				     u64 checksum, u64 choices)
{
	u64 sum, got;

	ipvs_selftest_table(memory, (enum ipvs_selftest_scheduler)scheduler,
			    seed, family, count, weights, size, &sum, &got);
	return sum == checksum && got == choices;
}

static inline void ipvs_selftest_note(int *failed, int line, int ok)
{
	if (!*failed && !ok)
		*failed = line;
}

/* 0, or the line of vectors.def that does not hold. */
static inline int ipvs_selftest_run(struct ipvs_selftest *memory)
{
	int failed = 0;

#define IPVS_VECTOR_CONTRACT(version) \
	ipvs_selftest_note(&failed, __LINE__, (version) == IPVS_SCHED_CONTRACT)
#define IPVS_VECTOR_KEY(seed, family, a0, a1, a2, a3, port, client, id, slot) \
	ipvs_selftest_note(&failed, __LINE__, \
			   ipvs_selftest_key(seed, family, a0, a1, a2, a3, \
					     port, client, id, slot))
#define IPVS_VECTOR_MIX(id, client, mix) \
	ipvs_selftest_note(&failed, __LINE__, ipvs_mix(id, client) == (mix))
#define IPVS_VECTOR_LOG(random, log) \
	ipvs_selftest_note(&failed, __LINE__, ipvs_log(random) == (log))
#define IPVS_VECTOR_TABLE(scheduler, seed, family, count, weights, size, \
			  checksum, choices) \
	ipvs_selftest_note(&failed, __LINE__, \
			   ipvs_selftest_same(memory, scheduler, seed, family, \
					      count, weights, size, checksum, \
					      choices))
#include "vectors.def"
#undef IPVS_VECTOR_CONTRACT
#undef IPVS_VECTOR_KEY
#undef IPVS_VECTOR_MIX
#undef IPVS_VECTOR_LOG
#undef IPVS_VECTOR_TABLE
	return failed;
}

#endif /* IPVS_SELFTEST_H */
