// libFuzzer: any request, then any behaviour of the socket, through a whole Transport.
// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <memory>

#include "fuzz.h"
#include "script.h"
#include "transport.h"

namespace {

void require(bool ok) {
  if (!ok) std::abort();
}

Step readStep(FuzzInput& input) {
  switch (input.number<std::uint8_t>() % 8) {
    case 0:
      return Step::pause();
    case 1:
      return Step::fails(ENOBUFS);
    case 2:
      return Step::fails(ENOMEM);
    case 3:
      return Step::foreign(input.octets());
    case 4:
      return Step::truncatedTo(input.octets());
    default:
      return {input.octets()};
  }
}

void check(const netlink::Result& result, const Octets& request, std::uint32_t count,
           const Script& script) {
  Octets sent;
  for (const Octets& datagram : script.sent) sent = std::move(sent) + datagram;
  require(sent.size() <= request.size() && std::equal(sent.begin(), sent.end(), request.begin()));
  require(result.sent <= count);
  require(result.failure || (result.sent == count && sent == request));
  require(result.failure.error != EINVAL || sent.empty());
}

}  // namespace

// The message count, the request, then what the socket does.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input({data, size});
  const std::uint32_t count = input.number<std::uint8_t>();
  const Octets request = input.octets();
  Script script{{}};
  while (!input.empty()) script.steps.push_back(readStep(input));

  netlink::Transport transport(std::make_unique<ScriptedChannel>(script), 4096);
  for (int round = 0; round < 2; ++round) {
    script.sent.clear();
    check(transport.transact(view(request), count, std::chrono::seconds(60)), request, count, script);
  }
  return 0;
}
