// Cutting requests into chunks, and refusing what is not a request.
// SPDX-License-Identifier: MIT
#include "request.h"

#include "messages.h"
#include "test.h"

namespace {

constexpr std::uint16_t plain = NLM_F_REQUEST;

Octets withLength(Octets octets, std::uint32_t length) {
  std::memcpy(octets.data(), &length, sizeof(length));
  return octets;
}

void refuses(const Octets& request, std::uint32_t count, const char* what) {
  expect(!netlink::split(view(request), count), what);
}

void oneMessage() {
  const Octets request = message(16, ack, 7);
  const auto chunks = netlink::split(view(request), 1);
  expect(chunks && chunks->size() == 1, "one chunk");
  if (!chunks) return;
  expectEqual(chunks->front().count, 1, "count");
  expectEqual(chunks->front().firstSeq, 7, "firstSeq");
  expectEqual(chunks->front().lastSeq, 7, "lastSeq");
  expect(chunks->front().bytes.data == request.data(), "a view of the request");
  expectEqual(static_cast<int>(chunks->front().bytes.size), 16, "bytes");
}

void cutsAfterAckAndDump() {
  const Octets request = message(16, plain, 1) + message(16, ack, 2) + message(16, plain, 3, Octets(5)) +
                         message(16, dump, 4) + message(16, ack, 5);
  const auto chunks = netlink::split(view(request), 5);
  expect(chunks && chunks->size() == 3, "three chunks");
  if (!chunks || chunks->size() != 3) return;
  const netlink::Chunk& middle = (*chunks)[1];
  expectEqual(middle.count, 2, "count");
  expectEqual(middle.firstSeq, 3, "firstSeq");
  expectEqual(middle.lastSeq, 4, "lastSeq");
  expectEqual(static_cast<int>(middle.bytes.size), 24 + 16, "bytes");
  expectEqual(middle.bytes.data - request.data(), 32, "offset");
}

// NLM_F_ROOT alone has the value of NLM_F_REPLACE, which says nothing about answers.
void halfADumpIsNone() {
  refuses(message(16, NLM_F_REQUEST | NLM_F_ROOT, 1), 1, "no promise of an answer");
}

void sequenceWraps() {
  const Octets request = message(16, plain, 0xffffffff) + message(16, ack, 0);
  const auto chunks = netlink::split(view(request), 2);
  expect(chunks && chunks->size() == 1, "one chunk");
}

void refusesWrongCounts() {
  const Octets request = message(16, plain, 1) + message(16, ack, 2);
  refuses(request, 0, "0 of 2 refused");
  refuses(request, 1, "1 of 2 refused");
  refuses(request, 3, "3 of 2 refused");
  refuses({}, 0, "an empty request refused");
  refuses({}, 1, "nothing instead of one refused");
}

void refusesGapsInSequence() {
  refuses(message(16, plain, 1) + message(16, ack, 3), 2, "a gap refused");
  refuses(message(16, plain, 1) + message(16, ack, 1), 2, "a repetition refused");
  refuses(message(16, ack, 2) + message(16, ack, 1), 2, "a step back refused");
}

void refusesNoFinalAnswer() {
  refuses(message(16, ack, 1) + message(16, plain, 2), 2, "an unanswered last message refused");
}

void refusesBadLengths() {
  const Octets good = message(16, ack, 1, Octets(8));
  for (const std::uint32_t length : {0U, 1U, 15U, 25U, 28U, 0x7fffffffU, 0xfffffffdU, 0xffffffffU}) {
    refuses(withLength(good, length), 1, "a length that is not the message's refused");
  }
  for (std::size_t size = 1; size < good.size(); ++size) {
    refuses(Octets(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)), 1,
            "a cut message refused");
  }
}

void refusesMissingPadding() {
  const Octets padded = message(16, ack, 1, Octets(5));
  expect(netlink::split(view(padded), 1).has_value(), "padding accepted");
  refuses(Octets(padded.begin(), padded.end() - 1), 1, "a missing pad byte refused");
  refuses(padded + Octets(1), 1, "a stray byte refused");
}

}  // namespace

Suite requestSuite() {
  return {"request",
          {{"one message is one chunk", oneMessage},
           {"a chunk ends after NLM_F_ACK or NLM_F_DUMP", cutsAfterAckAndDump},
           {"half of NLM_F_DUMP ends nothing", halfADumpIsNone},
           {"sequence numbers wrap", sequenceWraps},
           {"wrong counts", refusesWrongCounts},
           {"gaps in sequence numbers", refusesGapsInSequence},
           {"a last message that promises no answer", refusesNoFinalAnswer},
           {"bad lengths", refusesBadLengths},
           {"missing padding", refusesMissingPadding}}};
}
