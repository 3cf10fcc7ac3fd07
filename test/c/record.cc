// Writes the fuzzers' seeds from exchanges with this host's kernel: record DIRECTORY.
// SPDX-License-Identifier: MIT
#include <cerrno>
#include <fstream>
#include <string>

#include "messages.h"
#include "socket.h"

namespace {

constexpr std::chrono::seconds patience{5};

struct Exchange {
  const char* name;
  Octets request;
  std::uint8_t count;
};

Octets sized(const Octets& octets) {
  return octetsOf(static_cast<std::uint16_t>(octets.size())) + octets;
}

// Everything that the kernel sends back, datagram by datagram.
std::vector<Octets> exchange(const Octets& request) {
  const auto opened = netlink::Socket::open({}, 0);
  std::vector<Octets> datagrams;
  if (!opened.socket || opened.socket->send(view(request)) != 0) return datagrams;
  for (auto datagram = opened.socket->receive(); datagram.error == 0; datagram = opened.socket->receive()) {
    datagrams.emplace_back(datagram.bytes.data, datagram.bytes.data + datagram.bytes.size);
  }
  return datagrams;
}

void write(const std::string& path, const Octets& octets) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(octets.data()), static_cast<std::streamsize>(octets.size()));
}

void record(const std::string& directory, const Exchange& item) {
  const std::uint32_t first = 1;
  const auto length = static_cast<std::uint8_t>(item.count - 1);
  Octets replies = octetsOf(first) + octetsOf(length) + octetsOf(std::uint16_t{0xffff});
  Octets transact = octetsOf(item.count) + sized(item.request);
  for (const Octets& datagram : exchange(item.request)) {
    replies = std::move(replies) + sized(datagram);
    transact = std::move(transact) + octetsOf(std::uint8_t{7}) + sized(datagram);
  }
  write(directory + "/replies/" + item.name, replies);
  write(directory + "/transact/" + item.name, transact);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const Exchange exchanges[] = {
      {"get", getFamily(GENL_ID_CTRL, ack, 1), 1},
      {"refused", refused(ack, 1), 1},
      {"batch", refused(NLM_F_REQUEST, 1) + getFamily(GENL_ID_CTRL, NLM_F_REQUEST, 2) + refused(ack, 3), 3},
      {"dump", dumpFamilies(1), 1},
      {"get-and-dump", getFamily(GENL_ID_CTRL, NLM_F_REQUEST, 1) + dumpFamilies(2), 2},
  };
  for (const Exchange& item : exchanges) record(argv[1], item);
  return 0;
}
