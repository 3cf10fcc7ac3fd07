/* SPDX-License-Identifier: GPL-2.0 */
/* Loading and unloading. A module defines ipvs_name and ipvs_schedule(). */
#ifndef IPVS_LOAD_H
#define IPVS_LOAD_H

#include <linux/module.h>
#include "proc.h"
#include "service.h"
#ifdef IPVS_SELFTEST
#include "selftest.h"
#endif

/* Directors agree without being told; that clients can know it is the price. */
module_param_named(seed, ipvs_seed, ullong, 0400);
MODULE_PARM_DESC(seed, "Secret, 64 bits, the same on all directors (0)");

static struct ip_vs_dest *ipvs_schedule(struct ip_vs_service *svc,
					const struct sk_buff *skb,
					struct ip_vs_iphdr *iph);

static struct ip_vs_scheduler ipvs_scheduler = {
	.name = IPVS_NAME,
	.refcnt = ATOMIC_INIT(0),
	.module = THIS_MODULE,
	.n_list = LIST_HEAD_INIT(ipvs_scheduler.n_list),
	.init_service = ipvs_init_service,
	.done_service = ipvs_done_service,
	.add_dest = ipvs_add_dest,
	.del_dest = ipvs_del_dest,
	.upd_dest = ipvs_upd_dest,
	.schedule = ipvs_schedule,
};

/* A module that would choose differently from other directors is no use. */
static int __init ipvs_module_selftest(void)
{
#ifdef IPVS_SELFTEST
	struct ipvs_selftest *memory = kvmalloc(sizeof(*memory), GFP_KERNEL);
	int line;

	if (!memory)
		return -ENOMEM;
	line = ipvs_selftest_run(memory);
	kvfree(memory);
	if (line) {
		pr_err("selftest: vectors.def:%d does not hold\n", line);
		return -EINVAL;
	}
	pr_info("selftest: passed\n");
#endif
	return 0;
}

static int __init ipvs_module_init(void)
{
	int err = ipvs_module_selftest();

	if (err)
		return err;
	ipvs_workqueue = alloc_workqueue(KBUILD_MODNAME,
					 WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!ipvs_workqueue)
		return -ENOMEM;
	err = register_pernet_subsys(&ipvs_proc_net);
	if (err)
		goto no_proc;
	err = register_ip_vs_scheduler(&ipvs_scheduler);
	if (err)
		goto no_scheduler;
	return 0;

no_scheduler:
	unregister_pernet_subsys(&ipvs_proc_net);
no_proc:
	destroy_workqueue(ipvs_workqueue);
	return err;
}

/* No service is left, and so no state in the list nor work in the queue. */
static void ipvs_module_exit(void)
{
	unregister_ip_vs_scheduler(&ipvs_scheduler);
	unregister_pernet_subsys(&ipvs_proc_net);
	/* States and tables on their way out are freed by code from here. */
	rcu_barrier();
	destroy_workqueue(ipvs_workqueue);
}

MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");

#endif /* IPVS_LOAD_H */
