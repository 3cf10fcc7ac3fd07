// SPDX-License-Identifier: GPL-2.0
/*
 * maglev: source hashing by a Maglev table. Shares follow weights exactly, to a
 * slot; a change moves a little more than must move. Tables are rebuilt as a
 * whole, so changes that come together are collected.
 *
 * Flags: flag-1 passes over overloaded servers, flag-2 hashes the port too.
 * Memory for each service: 2 bytes a slot, 24 (table) and 56 (entry) a server.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/sched.h>
#define IPVS_RELAX() cond_resched()
#define IPVS_NAME "maglev"
#define IPVS_REBUILD_MS 20
#include "load.h"

static unsigned int table_size = IPVS_MAGLEV_SIZE_DEFAULT;
module_param(table_size, uint, 0444);
MODULE_PARM_DESC(table_size, "Slots, a prime, the same on all directors (16381)");

module_param_named(rebuild_ms, ipvs_rebuild_ms, uint, 0644);
MODULE_PARM_DESC(rebuild_ms, "Milliseconds to collect changes for, 0 for none (20)");

static struct ipvs_clients ipvs_clients;

static u32 ipvs_size(void)
{
	return table_size;
}

static int ipvs_fill(const struct ipvs_entries *entries,
		     struct ipvs_table *next, const struct ipvs_table *old)
{
	struct ipvs_turn *turns;

	if (next->count > next->size)
		pr_warn_once("more servers than slots: the last get no client\n");
	turns = kvmalloc_array(next->count + 1, sizeof(*turns), GFP_KERNEL);
	if (!turns)
		return -ENOMEM;
	ipvs_maglev_fill(next->slots, next->size, next->servers, next->count,
			 turns);
	kvfree(turns);
	return 0;
}

static struct ip_vs_dest *ipvs_schedule(struct ip_vs_service *svc,
					const struct sk_buff *skb,
					struct ip_vs_iphdr *iph)
{
	struct ipvs_state *state = svc->sched_data;
	const struct ipvs_table *table = rcu_dereference(state->table);
	struct ipvs_key key;
	u32 client, slot;

	if (!table)
		return NULL;
	ipvs_client_key(svc, skb, iph, &key);
	client = ipvs_client_of(&ipvs_clients, &key);
	slot = ipvs_maglev_slot(client, table->size);
	return ipvs_table_choose(table, svc, table->slots[slot], client);
}

static bool __init is_prime(unsigned int number)
{
	unsigned int i;

	for (i = 2; i * i <= number; i++) {
		if (number % i == 0)
			return false;
	}
	return number > 1;
}

static int __init ip_vs_maglev_init(void)
{
	if (table_size < IPVS_MAGLEV_SIZE_MIN ||
	    table_size > IPVS_MAGLEV_SIZE_MAX || !is_prime(table_size)) {
		pr_err("table_size: a prime from %u to %u\n",
		       IPVS_MAGLEV_SIZE_MIN, IPVS_MAGLEV_SIZE_MAX);
		return -EINVAL;
	}
	ipvs_clients_init(&ipvs_clients, ipvs_seed);
	return ipvs_module_init();
}

static void __exit ip_vs_maglev_exit(void)
{
	ipvs_module_exit();
}

module_init(ip_vs_maglev_init);
module_exit(ip_vs_maglev_exit);
MODULE_DESCRIPTION("IPVS: Maglev hashing with exact weights, alike on all directors");
