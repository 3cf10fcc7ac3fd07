// Requests and their replies: see transport.h.
// SPDX-License-Identifier: MIT
#include "transport.h"

#include <cerrno>

namespace netlink {
namespace {

constexpr Failure repliesLost{ENOBUFS, "recvmsg"};

// Lost replies are no such failure yet: what was not lost has to be read first.
Failure failureOf(const Datagram& datagram) {
  if (datagram.error != 0 && datagram.error != ENOBUFS) return {datagram.error, "recvmsg"};
  if (datagram.fromKernel && datagram.truncated) return {EMSGSIZE, "recvmsg"};
  return {};
}

Failure failureOf(Verdict verdict) {
  if (verdict == Verdict::malformed) return {EBADMSG, "recvmsg"};
  if (verdict == Verdict::overflow) return {EOVERFLOW, "recvmsg"};
  return {};
}

Verdict judge(const Datagram& datagram, Replies& replies) {
  if (datagram.error == ENOBUFS) return Verdict::lost;
  if (!datagram.fromKernel) return Verdict::more;
  return replies.accept(datagram.bytes);
}

}  // namespace

Result Transport::transact(Bytes request, std::uint32_t count, std::chrono::milliseconds patience) {
  Result result;
  const auto chunks = split(request, count);
  if (!chunks) {
    result.failure = {EINVAL, "transact"};
    return result;
  }
  if (unsettled_) result.failure = settle(Deadline(patience));
  for (const Chunk& chunk : *chunks) {
    if (result.failure) break;
    result.failure = exchange(chunk, patience, result);
  }
  unsettled_ = static_cast<bool>(result.failure);
  return result;
}

// Reads and forgets what a failed transaction left. A socket runs one dump at a time (EBUSY), the kernel
// drops every reply from an overrun until the queue has been empty once, and a pending error would be
// taken for one of the next exchange. Done here and not at the failure, because that one had used up its
// time already; and not by opening a new socket, because the namespace may be out of reach by now.
Failure Transport::settle(const Deadline& deadline) {
  for (;;) {
    const Datagram datagram = channel_->receive();
    if (datagram.error == EAGAIN) return {};
    if (datagram.error != 0 && datagram.error != ENOBUFS) return {datagram.error, "recvmsg"};
    if (deadline.passed()) return {ETIMEDOUT, "recvmsg"};
  }
}

// The clock starts when the chunk is sent: the kernel carries it out before sendmsg returns, and however
// long that took, the replies are there then.
Failure Transport::exchange(const Chunk& chunk, std::chrono::milliseconds patience, Result& result) {
  if (const int error = channel_->send(chunk.bytes)) return {error, "sendmsg"};
  result.sent += chunk.count;
  Replies replies(chunk.firstSeq, chunk.lastSeq, result.replies, replyLimit_);
  return collect(replies, Deadline(patience));
}

// Replies are queued by the time that sendmsg or, for a dump, the recvmsg before has returned, so that
// reading comes first and waiting is for what should not happen. Once replies have been lost the answer
// to the last message may be among them: then read to the end of the queue and never wait.
Failure Transport::collect(Replies& replies, const Deadline& deadline) {
  bool lost = false;
  for (;;) {
    const Datagram datagram = channel_->receive();
    if (datagram.error == EAGAIN) {
      if (lost) return repliesLost;
      if (const int error = channel_->wait(deadline)) return {error, "poll"};
      continue;
    }
    if (const Failure failure = failureOf(datagram)) return failure;
    const Verdict verdict = judge(datagram, replies);
    if (const Failure failure = failureOf(verdict)) return failure;
    lost = lost || verdict == Verdict::lost;
    if (verdict == Verdict::complete && !lost) return {};
    if (deadline.passed()) return lost ? repliesLost : Failure{ETIMEDOUT, "recvmsg"};
  }
}

}  // namespace netlink
