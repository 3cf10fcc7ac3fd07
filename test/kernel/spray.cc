// Sends opening packets of many clients to services, from raw sockets: any source address will do.
// SPDX-License-Identifier: MIT
//
// Reads lines, each an order that is answered by a line:
//   ADDRESS PORT COUNT SEED PROTOCOL(tcp|udp|sctp) SOURCE-PORT MARK [SOURCE-ADDRESS]
// Clients are random addresses, the same for the same seed, no two alike; or the one address, with ports from
// SOURCE-PORT on. The answer: how many packets the kernel took, how many it refused (EPERM: dropped in LOCAL_OUT),
// and the seconds it took.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Bytes = std::vector<uint8_t>;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

// A permutation of the 32-bit numbers (the finaliser of MurmurHash3).
uint32_t mix(uint32_t x) {
  x = (x ^ x >> 16) * 0x85ebca6bU;
  x = (x ^ x >> 13) * 0xc2b2ae35U;
  return x ^ x >> 16;
}

void put16(uint8_t* at, uint32_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

void put32(uint8_t* at, uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value);
}

// The transport header of a packet that opens a connection; checksums are left to nobody.
Bytes opening(const std::string& protocol, uint32_t port) {
  Bytes header(protocol == "udp" ? 8 : protocol == "tcp" ? 20 : 32);
  put16(&header[2], port);
  if (protocol == "udp") {
    put16(&header[4], 8);
  } else if (protocol == "tcp") {
    header[12] = 5 << 4;
    header[13] = 2;  // SYN
    put16(&header[14], 65535);
  } else {
    header[12] = 1;  // INIT
    put16(&header[14], 20);
  }
  return header;
}

Bytes packet(int family, const std::string& protocol, const Bytes& to, const Bytes& transport) {
  const uint8_t number = protocol == "udp" ? 17 : protocol == "tcp" ? 6 : 132;
  Bytes header(family == AF_INET ? 20 : 40);
  if (family == AF_INET) {
    header[0] = 0x45;
    header[8] = 64;
    header[9] = number;
  } else {
    header[0] = 0x60;
    put16(&header[4], static_cast<uint32_t>(transport.size()));
    header[6] = number;
    header[7] = 64;
  }
  std::memcpy(&header[header.size() - to.size()], to.data(), to.size());
  header.insert(header.end(), transport.begin(), transport.end());
  return header;
}

// Unicast addresses: 11.0.0.0 to 126.255.255.255, or of 2001:db8::/32. False where there is none for this number.
bool client(uint32_t number, int family, uint8_t* at) {
  const uint32_t random = mix(number);
  if (family == AF_INET) {
    put32(at, random);
    return at[0] > 10 && at[0] < 127;
  }
  put32(at, 0x20010db8);
  put32(at + 4, random);
  put32(at + 8, mix(random + 1));
  put32(at + 12, mix(random + 2));
  return true;
}

struct Order {
  std::string address, protocol, source;
  uint32_t port, count, seed, source_port, mark;
};

void carry_out(const Order& order) {
  const int family = order.address.find(':') != std::string::npos ? AF_INET6 : AF_INET;
  Bytes to(family == AF_INET ? 4 : 16);
  if (inet_pton(family, order.address.c_str(), to.data()) != 1) die(order.address.c_str());
  Bytes data = packet(family, order.protocol, to, opening(order.protocol, order.port));
  uint8_t* source = &data[family == AF_INET ? 12 : 8];
  uint8_t* ports = &data[family == AF_INET ? 20 : 40];
  const bool one = !order.source.empty();
  if (one && inet_pton(family, order.source.c_str(), source) != 1) die(order.source.c_str());

  const int fd = socket(family, SOCK_RAW, IPPROTO_RAW);
  if (fd < 0) die("socket");
  if (order.mark != 0 && setsockopt(fd, SOL_SOCKET, SO_MARK, &order.mark, sizeof(order.mark)) != 0) die("mark");
  sockaddr_storage address{};
  address.ss_family = static_cast<sa_family_t>(family);
  // Two bytes of port (none, for a raw socket), then the address; IPv6 has its flow label between.
  std::memcpy(reinterpret_cast<uint8_t*>(&address) + (family == AF_INET ? 4 : 8), to.data(), to.size());
  const auto length = static_cast<socklen_t>(family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));

  uint32_t taken = 0, refused = 0, source_port = order.source_port;
  const auto start = std::chrono::steady_clock::now();
  for (uint32_t i = order.seed << 24; taken + refused < order.count; i++) {
    if (!one && !client(i, family, source)) continue;
    put16(ports, one ? source_port++ : source_port);
    ssize_t sent;
    do sent = sendto(fd, data.data(), data.size(), 0, reinterpret_cast<sockaddr*>(&address), length);
    while (sent < 0 && (errno == ENOBUFS || errno == EINTR));
    if (sent < 0 && errno != EPERM) die("send");
    (sent < 0 ? refused : taken)++;
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::cout << taken << ' ' << refused << ' ' << seconds.count() << std::endl;
  close(fd);
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    Order order{};
    std::istringstream words(line);
    words >> order.address >> order.port >> order.count >> order.seed >> order.protocol >> order.source_port >> order.mark;
    if (words.fail()) return std::cerr << "no order: " << line << '\n', 2;
    words >> order.source;
    carry_out(order);
  }
}
