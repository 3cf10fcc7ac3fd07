// Transactions with a scripted kernel: what a real one does too seldom to be tested with.
// SPDX-License-Identifier: MIT
#include "transport.h"

#include <cstring>
#include <memory>

#include "messages.h"
#include "script.h"
#include "test.h"

namespace {

using netlink::Result;
using netlink::Transport;

constexpr std::chrono::milliseconds patience{1000};

Transport playing(Script& script, std::size_t limit = Transport::defaultReplyLimit) {
  return Transport(std::make_unique<ScriptedChannel>(script), limit);
}

Result transact(Transport& transport, const Octets& request, std::uint32_t count) {
  return transport.transact(view(request), count, patience);
}

void failed(const Result& result, int error, const char* syscall, const char* file = __builtin_FILE(),
            int line = __builtin_LINE()) {
  expectEqual(result.failure.error, error, "errno", file, line);
  expect(std::strcmp(result.failure.syscall, syscall) == 0, syscall, file, line);
}

void chunkByChunk() {
  Script script{{{errorReply(2)}, {errorReply(3)}}};
  Transport transport = playing(script);
  const Octets first = message(16, NLM_F_REQUEST, 1) + message(16, ack, 2);
  const Octets second = message(16, ack, 3);
  const Result result = transact(transport, first + second, 3);
  expect(!result.failure, "success");
  expectEqual(result.sent, 3, "sent");
  expect(script.sent == std::vector<Octets>{first, second}, "two datagrams");
  expect(result.replies == errorReply(2) + errorReply(3), "both replies");
  expectEqual(script.waits, 0, "waits");
}

void badRequestsAreNotSent() {
  Script script{{}};
  Transport transport = playing(script);
  failed(transact(transport, message(16, NLM_F_REQUEST, 1), 1), EINVAL, "transact");
  expect(script.sent.empty(), "nothing sent");
}

void sendFailureStops() {
  Script script{{}, EMSGSIZE};
  Transport transport = playing(script);
  const Result result = transact(transport, message(16, ack, 1) + message(16, ack, 2), 2);
  failed(result, EMSGSIZE, "sendmsg");
  expectEqual(result.sent, 0, "sent");
}

void waitsForLateAnswers() {
  Script script{{Step::pause(), {errorReply(1, 2)}, Step::pause(), {errorReply(2)}}};
  Transport transport = playing(script);
  const Result result = transact(transport, message(16, NLM_F_REQUEST, 1) + message(16, ack, 2), 2);
  expect(!result.failure, "success");
  expectEqual(script.waits, 2, "waits");
}

void silenceEndsWithTheDeadline() {
  Script script{{{errorReply(1, 2)}}};
  Transport transport = playing(script);
  const Result result = transact(transport, message(16, NLM_F_REQUEST, 1) + message(16, ack, 2), 2);
  failed(result, ETIMEDOUT, "poll");
  expectEqual(result.sent, 2, "sent");
  expect(result.replies == errorReply(1, 2), "what had come");
}

void foreignersAreNotBelieved() {
  Script script{{Step::foreign(errorReply(1, EPERM)), Step::foreign(Octets(3)), {errorReply(1)}}};
  script.steps[0].truncated = true;
  Transport transport = playing(script);
  const Result result = transact(transport, message(16, ack, 1), 1);
  expect(!result.failure, "success");
  expect(result.replies == errorReply(1), "the kernel's reply only");
}

void truncationIsTold() {
  Script script{{Step::truncatedTo(errorReply(1))}};
  Transport transport = playing(script);
  failed(transact(transport, message(16, ack, 1), 1), EMSGSIZE, "recvmsg");
}

void nonsenseIsTold() {
  Script script{{{Octets(7)}}};
  Transport transport = playing(script);
  failed(transact(transport, message(16, ack, 1), 1), EBADMSG, "recvmsg");
}

void errorsAreTold() {
  Script script{{Step::fails(ENOMEM)}};
  Transport transport = playing(script);
  failed(transact(transport, message(16, ack, 1), 1), ENOMEM, "recvmsg");
}

// The error comes first, then what had been queued before it; there is nothing to wait for.
void lossIsToldAfterReadingTheRest() {
  Script script{{Step::fails(ENOBUFS), {errorReply(1, 2)}, {errorReply(2, 2)}}};
  Transport transport = playing(script);
  const Octets request = message(16, 1, 1) + message(16, 1, 2) + message(16, ack, 3);
  const Result result = transact(transport, request, 3);
  failed(result, ENOBUFS, "recvmsg");
  expect(result.replies == errorReply(1, 2) + errorReply(2, 2), "what was not lost");
  expectEqual(result.sent, 3, "sent");
  expectEqual(script.waits, 0, "waits");
}

// An answer to the last message does not prove that the earlier ones had none.
void lossIsToldThoughTheLastAnswerCame() {
  Script script{{{message(NLMSG_OVERRUN, 0, 0)}, {errorReply(1)}}};
  Transport transport = playing(script);
  failed(transact(transport, message(16, ack, 1), 1), ENOBUFS, "recvmsg");
}

void limitIsTold() {
  Script script{{{errorReply(1, 2)}, {errorReply(2)}}};
  Transport transport = playing(script, 40);
  const Result result = transact(transport, message(16, 1, 1) + message(16, ack, 2), 2);
  failed(result, EOVERFLOW, "recvmsg");
  expect(result.replies == errorReply(1, 2), "what fitted");
}

void failureStopsLaterChunks() {
  Script script{{{errorReply(1)}, {Octets(7)}}};
  Transport transport = playing(script);
  const Result result =
      transact(transport, message(16, ack, 1) + message(16, ack, 2) + message(16, ack, 3), 3);
  failed(result, EBADMSG, "recvmsg");
  expectEqual(result.sent, 2, "sent");
  expect(result.replies == errorReply(1), "the first reply");
}

void refusalDoesNotStopLaterChunks() {
  Script script{{{errorReply(1, EPERM)}, {errorReply(2)}}};
  Transport transport = playing(script);
  const Result result = transact(transport, message(16, ack, 1) + message(16, ack, 2), 2);
  expect(!result.failure, "success");
  expectEqual(result.sent, 2, "sent");
}

void leftoversAreDrained() {
  Script script{{}};
  Transport transport = playing(script);
  failed(transact(transport, message(16, dump, 1), 1), ETIMEDOUT, "poll");
  script.steps = {
      {message(20, NLM_F_MULTI, 1)}, Step::fails(ENOBUFS), {doneReply(1)}, Step::pause(), {errorReply(2)}};
  const Result result = transact(transport, message(16, ack, 2), 1);
  expect(!result.failure, "success");
  expect(result.replies == errorReply(2), "the new reply only");
}

// Nothing is sent behind a dump that does not end.
void endlessLeftoversAreTold() {
  Script script{{}};
  Transport transport = playing(script);
  failed(transact(transport, message(16, dump, 1), 1), ETIMEDOUT, "poll");
  for (int part = 0; part < 100; ++part) script.steps.push_back({message(20, NLM_F_MULTI, 1)});
  const Octets next = message(16, ack, 2);
  const Result result = transport.transact(view(next), 1, std::chrono::milliseconds(0));
  failed(result, ETIMEDOUT, "recvmsg");
  expectEqual(result.sent, 0, "sent");
}

void endlessDumpIsGivenUp() {
  Script script{{}};
  for (int part = 0; part < 100; ++part) script.steps.push_back({message(20, NLM_F_MULTI, 1)});
  Transport transport = playing(script);
  const Octets request = message(16, dump, 1);
  failed(transport.transact(view(request), 1, std::chrono::milliseconds(0)), ETIMEDOUT, "recvmsg");
}

void impatienceStillTakesWhatIsThere() {
  Script script{{{errorReply(1)}}};
  Transport transport = playing(script);
  const Octets request = message(16, ack, 1);
  expect(!transport.transact(view(request), 1, std::chrono::milliseconds(0)).failure, "success");
}

}  // namespace

Suite transportSuite() {
  return {"transport",
          {{"one chunk after the other", chunkByChunk},
           {"a bad request is not sent", badRequestsAreNotSent},
           {"a failure to send", sendFailureStops},
           {"late answers are waited for", waitsForLateAnswers},
           {"silence ends with the deadline", silenceEndsWithTheDeadline},
           {"only the kernel is believed", foreignersAreNotBelieved},
           {"truncation", truncationIsTold},
           {"a malformed datagram", nonsenseIsTold},
           {"an error of the socket", errorsAreTold},
           {"lost replies", lossIsToldAfterReadingTheRest},
           {"lost replies before the last answer", lossIsToldThoughTheLastAnswerCame},
           {"too many replies", limitIsTold},
           {"a failure stops later chunks", failureStopsLaterChunks},
           {"a refusal does not", refusalDoesNotStopLaterChunks},
           {"leftovers are drained before the next transaction", leftoversAreDrained},
           {"leftovers without end", endlessLeftoversAreTold},
           {"a dump without end", endlessDumpIsGivenUp},
           {"a deadline of 0 takes what is there", impatienceStillTakesWhatIsThere}}};
}
