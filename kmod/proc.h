/* SPDX-License-Identifier: GPL-2.0 */
/* /proc/net/ip_vs_NAME: a line for each service, to compare directors by. */
#ifndef IPVS_PROC_H
#define IPVS_PROC_H

#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <net/net_namespace.h>
#include "service.h"

static void *ipvs_proc_start(struct seq_file *seq, loff_t *pos)
{
	mutex_lock(&ipvs_states_lock);
	return seq_list_start_head(&ipvs_states, *pos);
}

static void *ipvs_proc_next(struct seq_file *seq, void *v, loff_t *pos)
{
	return seq_list_next(v, &ipvs_states, pos);
}

static void ipvs_proc_stop(struct seq_file *seq, void *v)
{
	mutex_unlock(&ipvs_states_lock);
}

static void ipvs_proc_service(struct seq_file *seq,
			      const struct ip_vs_service *svc)
{
	bool fallback = READ_ONCE(svc->flags) & IP_VS_SVC_F_SCHED1;
	bool port = READ_ONCE(svc->flags) & IP_VS_SVC_F_SCHED2;
	int family = svc->af == AF_INET6 ? 6 : 4;

	if (svc->fwmark)
		seq_printf(seq, "FWM %d %u", family, svc->fwmark);
	else if (family == 6)
		seq_printf(seq, "%s 6 [%pI6c]:%u",
			   ip_vs_proto_name(svc->protocol), &svc->addr.in6,
			   ntohs(svc->port));
	else
		seq_printf(seq, "%s 4 %pI4:%u", ip_vs_proto_name(svc->protocol),
			   &svc->addr.ip, ntohs(svc->port));
	seq_printf(seq, " %s%s%s", fallback ? "fallback" : "",
		   fallback && port ? "," : "",
		   port ? "port" : fallback ? "" : "-");
}

static int ipvs_proc_show(struct seq_file *seq, void *v)
{
	const struct ipvs_table *table;
	struct ipvs_state *state;

	if (v == &ipvs_states) {
		seq_puts(seq, "Prot Family Service Flags Contract Servers Slots Checksum Builds Pending\n");
		return 0;
	}
	state = list_entry(v, struct ipvs_state, list);
	if (state->svc->ipvs->net != seq_file_net(seq))
		return SEQ_SKIP;

	mutex_lock(&state->lock);
	table = ipvs_live(state);
	ipvs_proc_service(seq, state->svc);
	seq_printf(seq, " %u %u %u %016llx %llu %d\n", IPVS_SCHED_CONTRACT,
		   table->count, table->size,
		   ipvs_checksum(table->servers, table->count, table->slots,
				 table->size),
		   state->builds, state->dirty || state->incomplete);
	mutex_unlock(&state->lock);
	return 0;
}

static const struct seq_operations ipvs_proc_operations = {
	.start = ipvs_proc_start,
	.next = ipvs_proc_next,
	.stop = ipvs_proc_stop,
	.show = ipvs_proc_show,
};

/* For the namespace's root only: checksums tell about the seed. */
static int __net_init ipvs_proc_init(struct net *net)
{
	if (!proc_create_net(KBUILD_MODNAME, 0400, net->proc_net,
			     &ipvs_proc_operations,
			     sizeof(struct seq_net_private)) &&
	    IS_ENABLED(CONFIG_PROC_FS))
		return -ENOMEM;
	return 0;
}

static void __net_exit ipvs_proc_exit(struct net *net)
{
	remove_proc_entry(KBUILD_MODNAME, net->proc_net);
}

static struct pernet_operations ipvs_proc_net = {
	.init = ipvs_proc_init,
	.exit = ipvs_proc_exit,
};

#endif /* IPVS_PROC_H */
