// Picking replies out of datagrams: see replies.h.
// SPDX-License-Identifier: MIT
#include "replies.h"

#include <algorithm>

namespace netlink {

Verdict Replies::accept(Bytes datagram) {
  for (Bytes rest = datagram; !rest.empty();) {
    const auto message = frontMessage(rest);
    if (!message) return Verdict::malformed;
    const Verdict verdict = judge(*message);
    if (verdict != Verdict::more) return verdict;
    rest = rest.from(std::min(aligned(message->bytes.size), rest.size));
  }
  return Verdict::more;
}

Verdict Replies::judge(const Message& message) {
  const nlmsghdr& header = message.header;
  if (header.nlmsg_type == NLMSG_NOOP) return Verdict::more;
  if (header.nlmsg_type == NLMSG_OVERRUN) return Verdict::lost;
  // A late reply to an exchange that was given up.
  if (!isOurs(header.nlmsg_seq)) return Verdict::more;

  // An acknowledgement is an error of 0. What follows that number may have been left out (NETLINK_CAP_ACK).
  const bool isError = header.nlmsg_type == NLMSG_ERROR;
  if (isError && message.bytes.size < sizeof(nlmsghdr) + sizeof(int)) return Verdict::malformed;
  if (!append(message.bytes)) return Verdict::overflow;

  const bool ends = isError || header.nlmsg_type == NLMSG_DONE;
  return ends && header.nlmsg_seq == lastSeq_ ? Verdict::complete : Verdict::more;
}

// Distances from the first one, so that a range which passes 2^32-1 is a range like any other.
bool Replies::isOurs(std::uint32_t seq) const {
  const std::uint32_t distance = seq - firstSeq_;
  const std::uint32_t length = lastSeq_ - firstSeq_;
  return distance <= length;
}

bool Replies::append(Bytes message) {
  const std::size_t size = aligned(message.size);
  if (out_.size() > limit_ || size > limit_ - out_.size()) return false;
  out_.insert(out_.end(), message.data, message.data + message.size);
  out_.resize(out_.size() + (size - message.size));
  return true;
}

}  // namespace netlink
