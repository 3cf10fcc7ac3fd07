// libFuzzer: any datagrams into Replies. What comes out must be messages, and ours.
// SPDX-License-Identifier: MIT
#include <cstdlib>

#include "fuzz.h"
#include "replies.h"

namespace {

void require(bool ok) {
  if (!ok) std::abort();
}

void checkReplies(const Octets& out, std::uint32_t first, std::uint32_t length, bool complete) {
  bool ended = false;
  for (netlink::Bytes rest = view(out); !rest.empty();) {
    const auto message = netlink::frontMessage(rest);
    require(message && netlink::aligned(message->bytes.size) <= rest.size);
    const nlmsghdr& header = message->header;
    const std::uint32_t distance = header.nlmsg_seq - first;
    require(!ended);  // nothing follows the end
    require(distance <= length);
    require(header.nlmsg_type != NLMSG_NOOP && header.nlmsg_type != NLMSG_OVERRUN);
    ended = distance == length && (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE);
    rest = rest.from(netlink::aligned(message->bytes.size));
  }
  require(ended == complete);
}

}  // namespace

// First and length of the range of sequence numbers, the limit, then datagrams.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input({data, size});
  const auto first = input.number<std::uint32_t>();
  const std::uint32_t length = input.number<std::uint8_t>();
  const std::size_t limit = input.number<std::uint16_t>();

  Octets out;
  netlink::Replies replies(first, first + length, out, limit);
  bool complete = false;
  while (!input.empty() && !complete) {
    // A copy of its own, so that reading past its end is seen.
    const Octets datagram = input.octets();
    complete = replies.accept(view(datagram)) == netlink::Verdict::complete;
  }
  require(out.size() <= limit);
  checkReplies(out, first, length, complete);
  return 0;
}
