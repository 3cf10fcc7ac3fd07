/* SPDX-License-Identifier: GPL-2.0 */
/* What a packet reads: servers and slots of one service, and the choice. */
#ifndef IPVS_TABLE_H
#define IPVS_TABLE_H

#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <net/ip_vs.h>
#include "ipvs_sched.h"

/*
 * Replaced as a whole. Only dests[] changes in place: to NULL, when a server is
 * deleted. It holds no reference; IPVS frees a server later than any reader
 * that found it here can be running.
 */
struct ipvs_table {
	struct rcu_head rcu;
	u32 count;			/* servers with weight > 0 */
	u32 size;			/* slots; 0 for hrw */
	u16 *slots;
	struct ipvs_server *servers;
	struct ip_vs_dest *dests[];
};

static inline struct ipvs_table *ipvs_table_alloc(u32 count, u32 size)
{
	size_t dests = ALIGN(count * sizeof(struct ip_vs_dest *), sizeof(u64));
	struct ipvs_table *table;

	table = kvmalloc(sizeof(*table) + dests +
			 count * sizeof(table->servers[0]), GFP_KERNEL);
	if (!table)
		return NULL;
	table->count = count;
	table->size = size;
	table->servers = (void *)table->dests + dests;
	table->slots = NULL;
	if (!size)
		return table;
	/* By themselves: 2^15 of them fill their pages. */
	table->slots = kvmalloc_array(size, sizeof(table->slots[0]),
				      GFP_KERNEL);
	if (table->slots)
		return table;
	kvfree(table);
	return NULL;
}

static inline void ipvs_table_free(struct ipvs_table *table)
{
	kvfree(table->slots);
	kvfree(table);
}

static inline void ipvs_table_free_rcu(struct rcu_head *rcu)
{
	ipvs_table_free(container_of(rcu, struct ipvs_table, rcu));
}

static inline bool ipvs_dest_overloaded(const struct ip_vs_dest *dest)
{
	return READ_ONCE(dest->flags) & IP_VS_DEST_F_OVERLOAD;
}

/* Can serve, as far as the administrator is concerned. */
static inline bool ipvs_dest_alive(const struct ip_vs_dest *dest)
{
	return dest && atomic_read(&dest->weight) > 0;
}

struct ipvs_pick {
	const struct ipvs_table *table;
	bool avoid_overloaded;
	struct ip_vs_dest *dest;	/* the best so far */
};

static inline int ipvs_pick_usable(void *context, u32 index)
{
	struct ipvs_pick *pick = context;
	struct ip_vs_dest *dest = READ_ONCE(pick->table->dests[index]);

	if (!ipvs_dest_alive(dest) ||
	    (pick->avoid_overloaded && ipvs_dest_overloaded(dest)))
		return 0;
	pick->dest = dest;
	return 1;
}

/*
 * Weighted rendezvous of @client among those that can take it: one pass,
 * whatever the state of the servers. An overloaded server is passed over only
 * with the fallback flag; without it the client is refused, as sh and mh do.
 */
static noinline struct ip_vs_dest *
ipvs_table_search(const struct ipvs_table *table, struct ip_vs_service *svc,
		  u32 owner, u32 client)
{
	struct ipvs_pick pick = {
		.table = table,
		.avoid_overloaded = READ_ONCE(svc->flags) & IP_VS_SVC_F_SCHED1,
	};

	if (owner == IPVS_NONE || !ipvs_pick_usable(&pick, owner))
		ipvs_hrw(table->servers, table->count, client,
			 ipvs_pick_usable, &pick);
	if (pick.dest && !ipvs_dest_overloaded(pick.dest))
		return pick.dest;
	ip_vs_scheduler_err(svc, "no destination available");
	return NULL;
}

/* @owner if it can take the client, else by search. */
static inline struct ip_vs_dest *
ipvs_table_choose(const struct ipvs_table *table, struct ip_vs_service *svc,
		  u32 owner, u32 client)
{
	struct ip_vs_dest *dest;

	if (likely(owner != IPVS_NONE)) {
		dest = READ_ONCE(table->dests[owner]);
		if (likely(ipvs_dest_alive(dest) && !ipvs_dest_overloaded(dest)))
			return dest;
	}
	return ipvs_table_search(table, svc, owner, client);
}

#endif /* IPVS_TABLE_H */
