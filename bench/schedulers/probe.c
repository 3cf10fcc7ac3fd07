// SPDX-License-Identifier: GPL-2.0
/*
 * For measurements only: asks the scheduler of a service, whichever it is, for
 * the servers of many clients, and takes the time.
 *
 * Write to /proc/ip_vs_probe: "NETNS ADDRESS PORT COUNT SEED DOWN", with an open
 * descriptor of the network namespace, the address as 8 hexadecimal digits, and
 * 1 for DOWN to mark every server as overloaded first. Read from it: 64 bits of
 * nanoseconds, then for each client 64 bits: address << 16 | port of its server,
 * or 0 if it was refused.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/tcp.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <net/ip_vs.h>
#include <net/net_namespace.h>

#define PROBE_CHUNK 512U
#define PROBE_MAX 4000000U

static struct ip_vs_service *(*probe_find)(struct netns_ipvs *ipvs, int af,
					   __u32 fwmark, __u16 protocol,
					   const union nf_inet_addr *vaddr,
					   __be16 vport);

static DEFINE_MUTEX(probe_lock);
static u64 *probe_result;
static u32 probe_count;
static struct ip_vs_dest *probe_dests[PROBE_CHUNK];

/* A permutation of the 32-bit numbers (the finaliser of MurmurHash3). */
static u32 probe_client(u32 x)
{
	x = (x ^ x >> 16) * 0x85ebca6bU;
	x = (x ^ x >> 13) * 0xc2b2ae35U;
	return x ^ x >> 16;
}

static u64 probe_name(const struct ip_vs_dest *dest)
{
	return dest ? (u64)ntohl(dest->addr.ip) << 16 | ntohs(dest->port) : 0;
}

/* Adds the nanoseconds of the scheduler's calls to *@time. */
static int probe_chunk(struct netns_ipvs *ipvs,
		       const union nf_inet_addr *address, __be16 port,
		       struct sk_buff *skb, u32 first, u32 count, bool down,
		       u64 *names, u64 *time)
{
	struct ip_vs_iphdr iph = {
		.len = sizeof(struct iphdr),
		.protocol = IPPROTO_TCP,
		.daddr = *address,
	};
	struct ip_vs_scheduler *scheduler;
	struct ip_vs_service *svc;
	struct ip_vs_dest *dest;
	int err = -ENOENT;
	u64 start;
	u32 i;

	rcu_read_lock();
	local_bh_disable();
	svc = probe_find(ipvs, AF_INET, 0, IPPROTO_TCP, address, port);
	scheduler = svc ? rcu_dereference(svc->scheduler) : NULL;
	if (!scheduler)
		goto out;
	if (down) {
		list_for_each_entry_rcu(dest, &svc->destinations, n_list)
			dest->flags |= IP_VS_DEST_F_OVERLOAD;
	}
	start = ktime_get_ns();
	for (i = 0; i < count; i++) {
		iph.saddr.ip = htonl(probe_client(first + i));
		probe_dests[i] = scheduler->schedule(svc, skb, &iph);
	}
	*time += ktime_get_ns() - start;
	for (i = 0; i < count; i++)
		names[i] = probe_name(probe_dests[i]);
	err = 0;
out:
	local_bh_enable();
	rcu_read_unlock();
	return err;
}

static int probe_run(struct net *net, u32 address, u32 port, u32 count,
		     u32 seed, u32 down)
{
	union nf_inet_addr vaddr = { .ip = htonl(address) };
	struct sk_buff *skb;
	u32 done, chunk;
	int err = 0;
	u64 time = 0;

	skb = alloc_skb(256, GFP_KERNEL);
	if (!skb)
		return -ENOMEM;
	skb_put_zero(skb, sizeof(struct iphdr) + sizeof(struct tcphdr));
	vfree(probe_result);
	probe_count = 0;
	probe_result = vmalloc((count + 1) * sizeof(u64));
	if (!probe_result)
		err = -ENOMEM;
	for (done = 0; !err && done < count; done += chunk) {
		chunk = min(count - done, PROBE_CHUNK);
		err = probe_chunk(net_ipvs(net), &vaddr, htons(port), skb,
				  seed + done, chunk, down && !done,
				  probe_result + 1 + done, &time);
		cond_resched();
	}
	kfree_skb(skb);
	if (err)
		return err;
	probe_result[0] = time;
	probe_count = count;
	return 0;
}

static ssize_t probe_write(struct file *file, const char __user *buffer,
			   size_t length, loff_t *pos)
{
	u32 fd, address, port, count, seed, down;
	char order[80] = "";
	struct net *net;
	int err;

	if (length >= sizeof(order))
		return -EINVAL;
	if (copy_from_user(order, buffer, length))
		return -EFAULT;
	if (sscanf(order, "%u %x %u %u %u %u", &fd, &address, &port, &count,
		   &seed, &down) != 6 || count > PROBE_MAX)
		return -EINVAL;
	net = get_net_ns_by_fd(fd);
	if (IS_ERR(net))
		return PTR_ERR(net);
	mutex_lock(&probe_lock);
	err = probe_run(net, address, port, count, seed, down);
	mutex_unlock(&probe_lock);
	put_net(net);
	return err ? err : length;
}

static ssize_t probe_read(struct file *file, char __user *buffer, size_t length,
			  loff_t *pos)
{
	ssize_t result = 0;

	mutex_lock(&probe_lock);
	if (probe_count)
		result = simple_read_from_buffer(buffer, length, pos,
						 probe_result,
						 (probe_count + 1) * sizeof(u64));
	mutex_unlock(&probe_lock);
	return result;
}

static const struct proc_ops probe_operations = {
	.proc_write = probe_write,
	.proc_read = probe_read,
	.proc_lseek = default_llseek,
};

/* What a packet does to find its service is not exported. */
static int __init probe_init(void)
{
	struct kprobe kprobe = { .symbol_name = "ip_vs_service_find" };
	int err = register_kprobe(&kprobe);

	if (err)
		return err;
	probe_find = (void *)kprobe.addr;
	unregister_kprobe(&kprobe);
	if (!proc_create("ip_vs_probe", 0600, NULL, &probe_operations))
		return -ENOMEM;
	return 0;
}

static void __exit probe_exit(void)
{
	remove_proc_entry("ip_vs_probe", NULL);
	vfree(probe_result);
}

module_init(probe_init);
module_exit(probe_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Measures IPVS schedulers");
