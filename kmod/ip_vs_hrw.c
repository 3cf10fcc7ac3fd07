// SPDX-License-Identifier: GPL-2.0
/*
 * hrw: source hashing by weighted rendezvous. Each connection goes to the
 * server with the highest weighted random number for its client: nothing moves
 * that need not, weights are exact, there is no table to size. The cost of a
 * new connection grows with the number of servers.
 *
 * Flags: flag-1 passes over overloaded servers, flag-2 hashes the port too.
 * Memory for each service: 24 (table) and 56 (entry) bytes a server.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#define IPVS_NAME "hrw"
#define IPVS_REBUILD_MS 0	/* a change is cheap */
#include "load.h"

static struct ipvs_clients ipvs_clients;

static u32 ipvs_size(void)
{
	return 0;
}

static int ipvs_fill(const struct ipvs_entries *entries,
		     struct ipvs_table *next, const struct ipvs_table *old)
{
	return 0;
}

static struct ip_vs_dest *ipvs_schedule(struct ip_vs_service *svc,
					const struct sk_buff *skb,
					struct ip_vs_iphdr *iph)
{
	struct ipvs_state *state = svc->sched_data;
	const struct ipvs_table *table = rcu_dereference(state->table);
	struct ipvs_key key;

	if (!table)
		return NULL;
	ipvs_client_key(svc, skb, iph, &key);
	return ipvs_table_search(table, svc, IPVS_NONE,
				 ipvs_client_of(&ipvs_clients, &key));
}

static int __init ip_vs_hrw_init(void)
{
	ipvs_clients_init(&ipvs_clients, ipvs_seed);
	return ipvs_module_init();
}

static void __exit ip_vs_hrw_exit(void)
{
	ipvs_module_exit();
}

module_init(ip_vs_hrw_init);
module_exit(ip_vs_hrw_exit);
MODULE_DESCRIPTION("IPVS: source hashing by weighted rendezvous, alike on all directors");
