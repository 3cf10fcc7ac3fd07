// SPDX-License-Identifier: GPL-2.0
/*
 * msh: source hashing by slots. The high bits of a multiplicative hash of the
 * client pick a slot; each slot belongs to the server with the highest weighted
 * random number there, so that a change moves only the clients that must move.
 *
 * Flags: flag-1 passes over overloaded servers, flag-2 hashes the port too.
 * Memory for each service: 2 bytes a slot, 24 (table) and 56 (entry) a server.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/sched.h>
#define IPVS_RELAX() cond_resched()
#define IPVS_NAME "msh"
#define IPVS_REBUILD_MS 20
#include "load.h"

static unsigned int slot_bits = IPVS_MSH_BITS_DEFAULT;
module_param(slot_bits, uint, 0444);
MODULE_PARM_DESC(slot_bits, "2^slot_bits slots, the same on all directors (15)");

module_param_named(rebuild_ms, ipvs_rebuild_ms, uint, 0644);
MODULE_PARM_DESC(rebuild_ms, "Milliseconds to collect changes for, 0 for none (20)");

static struct ipvs_msh msh;

static u32 ipvs_size(void)
{
	return 1U << slot_bits;
}

static int ipvs_fill(const struct ipvs_entries *entries,
		     struct ipvs_table *next, const struct ipvs_table *old)
{
	const struct ipvs_entry *entry;
	u32 risen_count = 0, index = 0;
	u16 *kept, *risen;
	u32 i;

	if (!old || !old->count) {
		ipvs_msh_fill(next->slots, next->size, next->servers,
			      next->count, NULL, NULL, 0);
		return 0;
	}
	kept = kvmalloc_array(old->count + next->count, sizeof(*kept),
			      GFP_KERNEL);
	if (!kept)
		return -ENOMEM;
	risen = kept + old->count;
	for (i = 0; i < old->count; i++)
		kept[i] = IPVS_NONE;
	for (entry = entries->at; index < next->count; entry++) {
		if (!entry->weight)
			continue;
		if (entry->live != IPVS_NONE &&
		    entry->weight >= entry->live_weight)
			kept[entry->live] = index;
		if (entry->live == IPVS_NONE ||
		    entry->weight > entry->live_weight)
			risen[risen_count++] = index;
		index++;
	}
	memcpy(next->slots, old->slots, next->size * sizeof(next->slots[0]));
	ipvs_msh_fill(next->slots, next->size, next->servers, next->count,
		      kept, risen, risen_count);
	kvfree(kept);
	return 0;
}

static struct ip_vs_dest *ipvs_schedule(struct ip_vs_service *svc,
					const struct sk_buff *skb,
					struct ip_vs_iphdr *iph)
{
	struct ipvs_state *state = svc->sched_data;
	const struct ipvs_table *table = rcu_dereference(state->table);
	struct ipvs_key key;
	u32 slot;

	if (!table)
		return NULL;
	ipvs_client_key(svc, skb, iph, &key);
	slot = ipvs_msh_slot(&msh, &key, slot_bits);
	return ipvs_table_choose(table, svc, table->slots[slot], slot);
}

static int __init ip_vs_msh_init(void)
{
	if (slot_bits < IPVS_MSH_BITS_MIN || slot_bits > IPVS_MSH_BITS_MAX) {
		pr_err("slot_bits: %u to %u\n", IPVS_MSH_BITS_MIN,
		       IPVS_MSH_BITS_MAX);
		return -EINVAL;
	}
	ipvs_msh_init(&msh, ipvs_seed);
	return ipvs_module_init();
}

static void __exit ip_vs_msh_exit(void)
{
	ipvs_module_exit();
}

module_init(ip_vs_msh_init);
module_exit(ip_vs_msh_exit);
MODULE_DESCRIPTION("IPVS: source hashing, consistent and alike on all directors");
