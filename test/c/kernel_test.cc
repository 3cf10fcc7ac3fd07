// Real exchanges with the controller of generic netlink, which every kernel has and everybody may ask.
// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <memory>

#include "messages.h"
#include "socket.h"
#include "test.h"
#include "transport.h"

namespace {

using netlink::Fd;
using netlink::Result;
using netlink::Transport;
using std::chrono::milliseconds;

constexpr milliseconds patience{5000};

std::unique_ptr<netlink::Socket> openSocket(std::size_t receiveSize = 0) {
  auto opened = netlink::Socket::open({}, receiveSize);
  expect(opened.socket != nullptr, "a socket");
  return std::move(opened.socket);
}

Transport openTransport(std::size_t receiveSize = 0) {
  return Transport(openSocket(receiveSize));
}

Result transact(Transport& transport, const Octets& request, std::uint32_t count) {
  return transport.transact(view(request), count, patience);
}

void stillUsable(Transport& transport) {
  const Result result = transact(transport, refused(ack, 900000), 1);
  const auto replies = repliesIn(result.replies);
  expect(!result.failure && replies.size() == 1 && replies[0].error == ENOENT,
         "a socket that is still usable");
}

Octets manyRefused(std::uint32_t count) {
  Octets request;
  for (std::uint32_t seq = 1; seq <= count; ++seq) {
    request = std::move(request) + refused(seq == count ? ack : NLM_F_REQUEST, seq);
  }
  return request;
}

void single() {
  Transport transport = openTransport();
  const Result result = transact(transport, getFamily(GENL_ID_CTRL, ack, 5), 1);
  const auto replies = repliesIn(result.replies);
  expect(!result.failure, "success");
  expectEqual(result.sent, 1, "sent");
  expect(replies.size() == 2, "a reply and an acknowledgement");
  if (replies.size() != 2) return;
  expectEqual(replies[0].type, GENL_ID_CTRL, "type of the reply");
  expectEqual(replies[1].type, NLMSG_ERROR, "type of the acknowledgement");
  expectEqual(replies[1].error, 0, "error");
}

// Only the last one asks for an acknowledgement, but a refusal is always told.
void batchOfRefusals() {
  Transport transport = openTransport();
  const Result result = transact(transport, manyRefused(128), 128);
  const auto replies = repliesIn(result.replies);
  expect(!result.failure, "success");
  expectEqual(result.sent, 128, "sent");
  expectEqual(static_cast<int>(replies.size()), 128, "replies");
  for (std::size_t i = 0; i < replies.size(); ++i) {
    expectEqual(replies[i].seq, static_cast<std::uint32_t>(i) + 1, "seq");
    expectEqual(replies[i].error, ENOENT, "errno");
  }
}

void wholeDump() {
  for (const std::size_t receiveSize : {0, 4096, 32768}) {
    Transport transport = openTransport(receiveSize);
    const Result result = transact(transport, dumpFamilies(1), 1);
    const auto replies = repliesIn(result.replies);
    expect(!result.failure, "success");
    expect(replies.size() >= 2, "families");
    expect(!replies.empty() && replies.back().type == NLMSG_DONE, "NLMSG_DONE last");
  }
}

void dumpsAndCommandsInOneRequest() {
  Transport transport = openTransport();
  const Octets request = getFamily(GENL_ID_CTRL, NLM_F_REQUEST, 1) + refused(NLM_F_REQUEST, 2) +
                         dumpFamilies(3) + dumpFamilies(4) + refused(ack, 5);
  const Result result = transact(transport, request, 5);
  expect(!result.failure, "success");
  expectEqual(result.sent, 5, "sent");
  int done = 0;
  std::uint32_t seq = 1;
  for (const Reply& reply : repliesIn(result.replies)) {
    expect(reply.seq == seq || reply.seq == seq + 1, "replies in order");
    seq = reply.seq;
    if (reply.type == NLMSG_DONE) ++done;
  }
  expectEqual(seq, 5, "last seq");
  expectEqual(done, 2, "dumps");
}

int sendBufferOf(int fd) {
  int size = 0;
  socklen_t length = sizeof(size);
  expect(::getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &length) == 0, "SO_SNDBUF");
  return size;
}

void tooLongToSend() {
  Transport transport = openTransport();
  const auto room = static_cast<std::size_t>(sendBufferOf(transport.fd())) - 32;
  const Octets longest = message(noSuchFamily, ack, 1, Octets(room - sizeof(nlmsghdr)));
  expect(!transact(transport, longest, 1).failure, "the longest request sent");

  const Octets longer = message(noSuchFamily, ack, 2, Octets(room - sizeof(nlmsghdr) + 1));
  const Result result = transact(transport, longer, 1);
  expectEqual(result.failure.error, EMSGSIZE, "errno");
  expect(std::strcmp(result.failure.syscall, "sendmsg") == 0, "sendmsg");
  expectEqual(result.sent, 0, "sent");
  stillUsable(transport);
}

void moreRefusalsThanFit() {
  Transport transport = openTransport();
  const Result result = transact(transport, manyRefused(2000), 2000);
  expectEqual(result.failure.error, ENOBUFS, "errno");
  expectEqual(result.sent, 2000, "sent");
  const auto replies = repliesIn(result.replies);
  expect(replies.size() >= 128 && replies.size() < 2000, "some of the replies");
  for (std::size_t i = 0; i < replies.size(); ++i) {
    expectEqual(replies[i].seq, static_cast<std::uint32_t>(i) + 1, "seq");
  }
  stillUsable(transport);
}

milliseconds timeOf(Transport& transport, milliseconds deadline) {
  const auto start = std::chrono::steady_clock::now();
  const Octets request = refused(NLM_F_REQUEST, 1) + unanswered(2);
  const Result result = transport.transact(view(request), 2, deadline);
  expectEqual(result.failure.error, ETIMEDOUT, "errno");
  expectEqual(static_cast<int>(repliesIn(result.replies).size()), 1, "replies before the silence");
  return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
}

void silence() {
  Transport transport = openTransport();
  const auto took = timeOf(transport, milliseconds(60));
  expect(took >= milliseconds(60) && took < milliseconds(1000), "the deadline kept");
  stillUsable(transport);
}

void signalsDoNotMatter() {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) {};
  ::sigaction(SIGALRM, &action, &before);
  const itimerval everyMillisecond{{0, 1000}, {0, 1000}};
  ::setitimer(ITIMER_REAL, &everyMillisecond, nullptr);

  Transport transport = openTransport();
  const auto took = timeOf(transport, milliseconds(60));
  expect(took >= milliseconds(60) && took < milliseconds(1000), "the deadline kept");

  const itimerval never{};
  ::setitimer(ITIMER_REAL, &never, nullptr);
  ::sigaction(SIGALRM, &before, nullptr);
}

// With a deadline of 0 a dump is given up after its first part, and runs on in the kernel.
void abandonedDump() {
  Transport transport = openTransport();
  const Octets request = dumpFamilies(1);
  const Result result = transport.transact(view(request), 1, milliseconds(0));
  expectEqual(result.failure.error, ETIMEDOUT, "errno");
  const Result next = transact(transport, dumpFamilies(2), 1);
  const auto replies = repliesIn(next.replies);
  expect(!next.failure, "success");
  expect(!replies.empty() && replies.back().type == NLMSG_DONE, "a whole dump, not EBUSY");
  for (const Reply& reply : replies) expectEqual(reply.seq, 2, "seq");
}

void smallBuffer() {
  Transport transport = openTransport(64);
  const Result result = transact(transport, getFamily(GENL_ID_CTRL, ack, 1), 1);
  expectEqual(result.failure.error, EMSGSIZE, "errno");
  expect(std::strcmp(result.failure.syscall, "recvmsg") == 0, "recvmsg");
  expectEqual(result.sent, 1, "sent");
  stillUsable(transport);
}

std::uint32_t portOf(int fd) {
  sockaddr_nl address{};
  socklen_t length = sizeof(address);
  expect(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0, "getsockname");
  return address.nl_pid;
}

// Another process forges the refusal that we are about to wait for.
void forgedReply() {
  Transport transport = openTransport();
  const Fd forger(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC));
  sockaddr_nl victim{};
  victim.nl_family = AF_NETLINK;
  victim.nl_pid = portOf(transport.fd());
  const Octets forged = errorReply(1, EDOM);
  const auto* address = reinterpret_cast<const sockaddr*>(&victim);
  if (::sendto(forger.get(), forged.data(), forged.size(), 0, address, sizeof(victim)) < 0) {
    if (errno == EPERM) return skip("needs CAP_NET_ADMIN");
    expect(false, "sendto");
  }
  const Result result = transact(transport, refused(ack, 1), 1);
  const auto replies = repliesIn(result.replies);
  expect(!result.failure && replies.size() == 1 && replies[0].error == ENOENT, "the kernel's reply only");
}

void badReceiveSizes() {
  for (const std::size_t size : {std::size_t{1}, std::size_t{15}, (std::size_t{1} << 20) + 1}) {
    const auto opened = netlink::Socket::open({}, size);
    expectEqual(opened.failure.error, EINVAL, "errno");
    expect(opened.socket == nullptr, "no socket");
  }
}

int countDescriptors() {
  DIR* directory = ::opendir("/proc/self/fd");
  int count = 0;
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

void noDescriptorIsLeaked() {
  const int before = countDescriptors();
  for (int i = 0; i < 1000; ++i) {
    Transport transport = openTransport();
    if (i % 100 == 0) stillUsable(transport);
    static_cast<void>(netlink::Socket::open({"/nonexistent", {}}, 0));
  }
  expectEqual(countDescriptors(), before, "open descriptors");
}

}  // namespace

Suite kernelSuite() {
  return {"kernel",
          {{"a command, its reply and its acknowledgement", single},
           {"128 refusals in one chunk", batchOfRefusals},
           {"a dump", wholeDump},
           {"dumps and commands in one request", dumpsAndCommandsInOneRequest},
           {"a request longer than the send buffer", tooLongToSend},
           {"more replies than the receive buffer holds", moreRefusalsThanFit},
           {"a command that is never answered", silence},
           {"signals while waiting", signalsDoNotMatter},
           {"a dump given up half way", abandonedDump},
           {"a reply longer than the receive buffer", smallBuffer},
           {"a forged reply", forgedReply},
           {"receive sizes out of range", badReceiveSizes},
           {"1,000 sockets opened and closed", noDescriptorIsLeaked}}};
}
