/* SPDX-License-Identifier: GPL-2.0 */
/* The servers of one service, sorted by key, each with one reference. */
#ifndef IPVS_ENTRIES_H
#define IPVS_ENTRIES_H

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include "packet.h"

struct ipvs_entry {
	struct ipvs_key key;
	struct ip_vs_dest *dest;
	u64 id;
	u32 weight;
	/* In the table that packets read: */
	u32 live_weight;
	u32 live;			/* index, or IPVS_NONE */
};

struct ipvs_entries {
	struct ipvs_entry *at;
	u32 count;
	u32 room;
};

static inline u32 ipvs_dest_weight(const struct ip_vs_dest *dest)
{
	return max(atomic_read(&dest->weight), 0);
}

static inline void ipvs_entry_set(struct ipvs_entry *entry, u64 seed,
				  struct ip_vs_dest *dest)
{
	ip_vs_dest_hold(dest);
	/* Its own family: with tunnels it may differ from the service's. */
	ipvs_key_set(&entry->key, dest->af, &dest->addr, dest->port);
	entry->dest = dest;
	entry->id = ipvs_server_id(seed, &entry->key);
	entry->weight = ipvs_dest_weight(dest);
	entry->live_weight = 0;
	entry->live = IPVS_NONE;
}

/* The first that is not below @key. */
static inline u32 ipvs_entries_position(const struct ipvs_entries *entries,
					const struct ipvs_key *key)
{
	u32 low = 0, high = entries->count;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (ipvs_key_compare(&entries->at[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static inline struct ipvs_entry *
ipvs_entries_find(const struct ipvs_entries *entries,
		  const struct ip_vs_dest *dest)
{
	struct ipvs_key key;
	u32 at;

	ipvs_key_set(&key, dest->af, &dest->addr, dest->port);
	at = ipvs_entries_position(entries, &key);
	if (at < entries->count && entries->at[at].dest == dest)
		return &entries->at[at];
	return NULL;
}

static inline int ipvs_entries_grow(struct ipvs_entries *entries, u32 least)
{
	u32 room = max3(least, 2 * entries->room, 8U);
	struct ipvs_entry *at;

	if (least <= entries->room)
		return 0;
	at = kvmalloc_array(room, sizeof(*at), GFP_KERNEL);
	if (!at)
		return -ENOMEM;
	if (entries->count)
		memcpy(at, entries->at, entries->count * sizeof(*at));
	kvfree(entries->at);
	entries->at = at;
	entries->room = room;
	return 0;
}

static inline int ipvs_entries_add(struct ipvs_entries *entries, u64 seed,
				   struct ip_vs_dest *dest)
{
	struct ipvs_key key;
	u32 at;

	if (ipvs_entries_grow(entries, entries->count + 1))
		return -ENOMEM;
	ipvs_key_set(&key, dest->af, &dest->addr, dest->port);
	at = ipvs_entries_position(entries, &key);
	memmove(&entries->at[at + 1], &entries->at[at],
		(entries->count - at) * sizeof(entries->at[0]));
	entries->count++;
	ipvs_entry_set(&entries->at[at], seed, dest);
	return 0;
}

static inline void ipvs_entries_remove(struct ipvs_entries *entries,
				       struct ipvs_entry *entry)
{
	u32 at = entry - entries->at;

	ip_vs_dest_put(entry->dest);
	entries->count--;
	memmove(entry, entry + 1, (entries->count - at) * sizeof(*entry));
}

static inline int ipvs_entry_compare(const void *a, const void *b)
{
	return ipvs_key_compare(&((const struct ipvs_entry *)a)->key,
				&((const struct ipvs_entry *)b)->key);
}

/* Adds the servers of @svc that are missing. */
static inline int ipvs_entries_collect(struct ipvs_entries *entries, u64 seed,
				       struct ip_vs_service *svc)
{
	struct ip_vs_dest *dest;
	u32 count = entries->count;

	if (ipvs_entries_grow(entries, svc->num_dests))
		return -ENOMEM;
	list_for_each_entry(dest, &svc->destinations, n_list) {
		if (count < entries->room && !ipvs_entries_find(entries, dest))
			ipvs_entry_set(&entries->at[count++], seed, dest);
	}
	entries->count = count;
	sort(entries->at, count, sizeof(entries->at[0]), ipvs_entry_compare,
	     NULL);
	return 0;
}

static inline void ipvs_entries_free(struct ipvs_entries *entries)
{
	while (entries->count)
		ip_vs_dest_put(entries->at[--entries->count].dest);
	kvfree(entries->at);
	entries->at = NULL;
	entries->room = 0;
}

#endif /* IPVS_ENTRIES_H */
