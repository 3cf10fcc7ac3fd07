// Cutting a request into chunks: see request.h.
// SPDX-License-Identifier: MIT
#include "request.h"

#include "message.h"

namespace netlink {
namespace {

// Both bits: either of them alone is NLM_F_ROOT or NLM_F_MATCH, which do not start a dump.
bool startsDump(const nlmsghdr& header) {
  return (header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
}

bool promisesAnswer(const nlmsghdr& header) {
  return (header.nlmsg_flags & NLM_F_ACK) != 0 || startsDump(header);
}

}  // namespace

std::optional<std::vector<Chunk>> split(Bytes request, std::uint32_t count) {
  std::vector<Chunk> chunks;
  bool chunkOpen = false;
  std::uint32_t found = 0;
  std::uint32_t expectedSeq = 0;

  for (Bytes rest = request; !rest.empty(); ++found) {
    const auto message = frontMessage(rest);
    if (!message || aligned(message->bytes.size) > rest.size) return std::nullopt;

    const nlmsghdr& header = message->header;
    if (found > 0 && header.nlmsg_seq != expectedSeq) return std::nullopt;
    expectedSeq = header.nlmsg_seq + 1;

    if (!chunkOpen) chunks.push_back({rest.first(0), 0, header.nlmsg_seq, header.nlmsg_seq});
    Chunk& chunk = chunks.back();
    chunk.bytes.size += aligned(message->bytes.size);
    chunk.count += 1;
    chunk.lastSeq = header.nlmsg_seq;
    chunkOpen = !promisesAnswer(header);

    rest = rest.from(aligned(message->bytes.size));
  }

  if (chunkOpen || found == 0 || found != count) return std::nullopt;
  return chunks;
}

}  // namespace netlink
