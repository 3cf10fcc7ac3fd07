/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state of one service, and what IPVS calls when it changes.
 *
 * IPVS calls init, done, add, del and upd of one network namespace one at a
 * time, but of several namespaces at once (7.2 on). It ignores what add, del
 * and upd return, so these do not give up: when memory is short, the old table
 * stays until the work item could build a new one. A deleted server is taken
 * out of the table in place, at once, which needs no memory.
 *
 * A module defines IPVS_REBUILD_MS, ipvs_size() and ipvs_fill().
 */
#ifndef IPVS_SERVICE_H
#define IPVS_SERVICE_H

#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>
#include "entries.h"
#include "table.h"

struct ipvs_state {
	struct ipvs_table __rcu *table;
	struct rcu_head rcu;
	struct mutex lock;		/* of all below; inside IPVS's own */
	struct ipvs_entries entries;
	bool incomplete;		/* there was no memory for an entry */
	bool dirty;			/* the table is older than the entries */
	unsigned long built;		/* when, in jiffies */
	u64 builds;
	struct delayed_work work;
	/* For /proc; the service is there as long as it is in the list. */
	struct list_head list;
	const struct ip_vs_service *svc;
};

/* Slots of a table; 0 for none. */
static u32 ipvs_size(void);

/* Milliseconds for which changes are collected; 0 for none. */
static unsigned int ipvs_rebuild_ms = IPVS_REBUILD_MS;

/*
 * Fills next->slots. The entries' live and live_weight are about @old, which is
 * NULL for the first table.
 */
static int ipvs_fill(const struct ipvs_entries *entries,
		     struct ipvs_table *next, const struct ipvs_table *old);

static u64 ipvs_seed;
static struct workqueue_struct *ipvs_workqueue;

/* Every service of this scheduler, in every namespace. */
static LIST_HEAD(ipvs_states);
static DEFINE_MUTEX(ipvs_states_lock);	/* outside of a state's */

static struct ipvs_table *ipvs_live(const struct ipvs_state *state)
{
	return rcu_dereference_protected(state->table,
					 lockdep_is_held(&state->lock));
}

/* A table of all servers that have a weight, its slots not yet filled. */
static struct ipvs_table *ipvs_next(const struct ipvs_entries *entries)
{
	const struct ipvs_entry *entry;
	struct ipvs_table *next;
	u32 count = 0;

	for (entry = entries->at; entry < entries->at + entries->count; entry++)
		count += !!entry->weight;
	if (count > IPVS_SERVERS_MAX) {
		pr_warn_once("more than %u servers: the last get no client\n",
			     IPVS_SERVERS_MAX);
		count = IPVS_SERVERS_MAX;
	}
	next = ipvs_table_alloc(count, ipvs_size());
	if (!next)
		return NULL;
	count = 0;
	for (entry = entries->at; count < next->count; entry++) {
		if (!entry->weight)
			continue;
		next->servers[count].id = entry->id;
		next->servers[count].weight = entry->weight;
		next->servers[count].unused = 0;
		next->dests[count++] = entry->dest;
	}
	return next;
}

static int ipvs_build(struct ipvs_state *state)
{
	struct ipvs_entries *entries = &state->entries;
	struct ipvs_table *old = ipvs_live(state);
	struct ipvs_table *next = ipvs_next(entries);
	struct ipvs_entry *entry;
	u32 count = 0;
	int err;

	if (!next)
		return -ENOMEM;
	err = ipvs_fill(entries, next, old);
	if (err) {
		ipvs_table_free(next);
		return err;
	}
	for (entry = entries->at; entry < entries->at + entries->count; entry++) {
		entry->live_weight = entry->weight;
		entry->live = IPVS_NONE;
		if (entry->weight && count < next->count)
			entry->live = count++;
	}
	rcu_assign_pointer(state->table, next);
	if (old)
		call_rcu(&old->rcu, ipvs_table_free_rcu);
	state->dirty = false;
	state->built = jiffies;
	state->builds++;
	return 0;
}

static void ipvs_build_or_retry(struct ipvs_state *state)
{
	/* Sooner than what is queued, if rebuild_ms is long. */
	if (ipvs_build(state))
		mod_delayed_work(ipvs_workqueue, &state->work, HZ);
}

/* Touches nothing of the service: IPVS's mutex is not to be had here. */
static void ipvs_work(struct work_struct *work)
{
	struct ipvs_state *state = container_of(to_delayed_work(work),
						struct ipvs_state, work);

	mutex_lock(&state->lock);
	if (state->dirty)
		ipvs_build_or_retry(state);
	mutex_unlock(&state->lock);
}

/* Whether the table has anyone to give a client to. */
static bool ipvs_serves(const struct ipvs_table *table)
{
	u32 i;

	for (i = 0; i < table->count; i++) {
		if (ipvs_dest_alive(READ_ONCE(table->dests[i])))
			return true;
	}
	return false;
}

/*
 * The first of many changes shows at once, the others all together; but a
 * table that refuses every client is not kept for a moment.
 */
static void ipvs_changed(struct ipvs_state *state)
{
	unsigned int ms = READ_ONCE(ipvs_rebuild_ms);
	unsigned long delay = msecs_to_jiffies(min(ms, 60000U));
	unsigned long age = jiffies - state->built;

	state->dirty = true;
	if (age < delay && ipvs_serves(ipvs_live(state)))
		queue_delayed_work(ipvs_workqueue, &state->work, delay - age);
	else
		ipvs_build_or_retry(state);
}

/* For what an earlier lack of memory left out. */
static void ipvs_complete(struct ipvs_state *state, struct ip_vs_service *svc)
{
	int err = ipvs_entries_collect(&state->entries, ipvs_seed, svc);

	state->incomplete = err != 0;
	state->dirty = true;
}

static void ipvs_state_free_rcu(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct ipvs_state, rcu));
}

/*
 * Packets may be reading @state until a grace period has passed; they find no
 * table then. References go back now: a namespace that ends frees its servers
 * next, whoever still holds them.
 */
static void ipvs_state_end(struct ipvs_state *state)
{
	struct ipvs_table *table;

	cancel_delayed_work_sync(&state->work);
	mutex_lock(&state->lock);
	table = ipvs_live(state);
	RCU_INIT_POINTER(state->table, NULL);
	ipvs_entries_free(&state->entries);
	mutex_unlock(&state->lock);
	if (table)
		call_rcu(&table->rcu, ipvs_table_free_rcu);
	call_rcu(&state->rcu, ipvs_state_free_rcu);
}

static int ipvs_init_service(struct ip_vs_service *svc)
{
	struct ipvs_state *state = kzalloc(sizeof(*state), GFP_KERNEL);
	int err;

	if (!state)
		return -ENOMEM;
	mutex_init(&state->lock);
	INIT_DELAYED_WORK(&state->work, ipvs_work);
	state->svc = svc;

	mutex_lock(&state->lock);
	err = ipvs_entries_collect(&state->entries, ipvs_seed, svc);
	if (!err)
		err = ipvs_build(state);
	mutex_unlock(&state->lock);
	if (err) {
		ipvs_state_end(state);
		return err;
	}

	mutex_lock(&ipvs_states_lock);
	list_add_tail(&state->list, &ipvs_states);
	mutex_unlock(&ipvs_states_lock);
	svc->sched_data = state;
	return 0;
}

static void ipvs_done_service(struct ip_vs_service *svc)
{
	struct ipvs_state *state = svc->sched_data;

	mutex_lock(&ipvs_states_lock);
	list_del(&state->list);
	mutex_unlock(&ipvs_states_lock);
	ipvs_state_end(state);
}

static int ipvs_add_dest(struct ip_vs_service *svc, struct ip_vs_dest *dest)
{
	struct ipvs_state *state = svc->sched_data;

	mutex_lock(&state->lock);
	/* The service lists it already. */
	if (state->incomplete ||
	    ipvs_entries_add(&state->entries, ipvs_seed, dest))
		ipvs_complete(state, svc);
	ipvs_changed(state);
	mutex_unlock(&state->lock);
	return 0;
}

static int ipvs_del_dest(struct ip_vs_service *svc, struct ip_vs_dest *dest)
{
	struct ipvs_state *state = svc->sched_data;
	struct ipvs_table *table;
	struct ipvs_entry *entry;
	bool was_live = false;

	mutex_lock(&state->lock);
	table = ipvs_live(state);
	entry = ipvs_entries_find(&state->entries, dest);
	if (entry) {
		was_live = entry->live != IPVS_NONE;
		if (was_live)
			WRITE_ONCE(table->dests[entry->live], NULL);
		ipvs_entries_remove(&state->entries, entry);
	}
	if (state->incomplete)
		ipvs_complete(state, svc);
	if (was_live || state->dirty)
		ipvs_changed(state);
	mutex_unlock(&state->lock);
	return 0;
}

/* Also called when only a threshold or the forwarding method has changed. */
static int ipvs_upd_dest(struct ip_vs_service *svc, struct ip_vs_dest *dest)
{
	struct ipvs_state *state = svc->sched_data;
	struct ipvs_entry *entry;
	u32 weight = ipvs_dest_weight(dest);
	bool changed = false;

	mutex_lock(&state->lock);
	entry = ipvs_entries_find(&state->entries, dest);
	if (entry) {
		changed = entry->weight != weight;
		entry->weight = weight;
	}
	if (state->incomplete)
		ipvs_complete(state, svc);
	if (changed || state->dirty)
		ipvs_changed(state);
	mutex_unlock(&state->lock);
	return 0;
}

#endif /* IPVS_SERVICE_H */
