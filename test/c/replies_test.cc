// Picking replies out of good and mangled datagrams.
// SPDX-License-Identifier: MIT
#include "replies.h"

#include <vector>

#include "messages.h"
#include "test.h"

namespace {

using netlink::Replies;
using netlink::Verdict;

constexpr std::size_t noLimit = std::size_t{1} << 20;

void judged(Verdict actual, Verdict expected, const char* file = __builtin_FILE(),
            int line = __builtin_LINE()) {
  expectEqual(static_cast<int>(actual), static_cast<int>(expected), "verdict", file, line);
}

void ackCompletes() {
  Octets out;
  Replies replies(1, 3, out, noLimit);
  judged(replies.accept(view(errorReply(1, 2))), Verdict::more);
  judged(replies.accept(view(errorReply(3))), Verdict::complete);
  expect(out == errorReply(1, 2) + errorReply(3), "both replies, in order");
}

void errorOfLastCompletes() {
  Octets out;
  Replies replies(3, 3, out, noLimit);
  judged(replies.accept(view(errorReply(3, 1))), Verdict::complete);
}

void dumpCompletesWithDone() {
  Octets out;
  Replies replies(1, 2, out, noLimit);
  const Octets part = message(20, NLM_F_MULTI, 2, Octets(6, 0xaa));
  judged(replies.accept(view(message(20, 0, 1, Octets(8)) + part)), Verdict::more);
  judged(replies.accept(view(part + doneReply(2))), Verdict::complete);
  expectEqual(static_cast<int>(repliesIn(out).size()), 4, "messages");
}

void strangersAreDropped() {
  Octets out;
  Replies replies(10, 12, out, noLimit);
  for (const std::uint32_t seq : {0U, 9U, 13U, 0x80000000U, 0xffffffffU}) {
    judged(replies.accept(view(errorReply(seq))), Verdict::more);
    judged(replies.accept(view(doneReply(seq))), Verdict::more);
  }
  expect(out.empty(), "no replies");
}

void rangeWraps() {
  Octets out;
  Replies replies(0xfffffffe, 1, out, noLimit);
  judged(replies.accept(view(errorReply(0xfffffffd))), Verdict::more);
  judged(replies.accept(view(errorReply(2))), Verdict::more);
  expect(out.empty(), "nothing from outside");
  judged(replies.accept(view(errorReply(0xfffffffe, 1) + errorReply(0, 1))), Verdict::more);
  judged(replies.accept(view(errorReply(1))), Verdict::complete);
  expectEqual(static_cast<int>(repliesIn(out).size()), 3, "messages");
}

void noopIsIgnoredAndOverrunIsNot() {
  Octets out;
  Replies replies(1, 1, out, noLimit);
  judged(replies.accept(view(message(NLMSG_NOOP, 0, 1))), Verdict::more);
  judged(replies.accept(view(message(NLMSG_OVERRUN, 0, 0))), Verdict::lost);
  expect(out.empty(), "no replies");
}

void malformedIsTold() {
  const Octets good = errorReply(1, 5);
  for (std::size_t size = 1; size < good.size(); ++size) {
    Octets out;
    Replies replies(1, 9, out, noLimit);
    const Octets cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    judged(replies.accept(view(cut)), Verdict::malformed);
    judged(replies.accept(view(good + cut)), Verdict::malformed);
    expect(out == good, "what came before is kept");
  }
}

void badLengthsAreMalformed() {
  for (const std::uint32_t length : {0U, 1U, 15U, 37U, 0x7fffffffU, 0xfffffffdU, 0xffffffffU}) {
    Octets mangled = errorReply(1);
    std::memcpy(mangled.data(), &length, sizeof(length));
    Octets out;
    Replies replies(1, 1, out, noLimit);
    judged(replies.accept(view(mangled)), Verdict::malformed);
  }
}

void errorWithoutNumberIsMalformed() {
  Octets out;
  Replies replies(1, 1, out, noLimit);
  judged(replies.accept(view(message(NLMSG_ERROR, 0, 1))), Verdict::malformed);
}

void nothingIsNothing() {
  Octets out;
  Replies replies(1, 1, out, noLimit);
  judged(replies.accept({}), Verdict::more);
}

void missingPaddingIsAdded() {
  Octets out;
  Replies replies(1, 1, out, noLimit);
  Octets unpadded = message(20, 0, 1, Octets(5, 0xaa));
  unpadded.resize(unpadded.size() - 3);
  judged(replies.accept(view(unpadded)), Verdict::more);
  expect(out == message(20, 0, 1, Octets(5, 0xaa)), "padded with zeros");
}

void limitHolds() {
  Octets out;
  Replies replies(1, 9, out, 100);
  judged(replies.accept(view(errorReply(1, 1) + errorReply(2, 1))), Verdict::more);
  judged(replies.accept(view(errorReply(3, 1))), Verdict::overflow);
  expectEqual(static_cast<int>(out.size()), 72, "bytes kept");
}

}  // namespace

Suite repliesSuite() {
  return {"replies",
          {{"the acknowledgement of the last message completes", ackCompletes},
           {"so does its refusal", errorOfLastCompletes},
           {"a dump is completed by NLMSG_DONE", dumpCompletesWithDone},
           {"other sequence numbers are dropped", strangersAreDropped},
           {"a range of sequence numbers wraps", rangeWraps},
           {"NLMSG_NOOP and NLMSG_OVERRUN", noopIsIgnoredAndOverrunIsNot},
           {"cut messages", malformedIsTold},
           {"bad lengths", badLengthsAreMalformed},
           {"an error without its number", errorWithoutNumberIsMalformed},
           {"an empty datagram", nothingIsNothing},
           {"a missing final pad", missingPaddingIsAdded},
           {"the limit", limitHolds}}};
}
