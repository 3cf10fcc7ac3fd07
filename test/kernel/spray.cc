// Sends opening packets of many clients to services, from raw sockets: any source address will do.
// SPDX-License-Identifier: MIT
//
// Reads lines, each an order that is answered by a line:
//   ADDRESS PORT COUNT SEED PROTOCOL(tcp|udp|sctp|icmp) SOURCE-PORT MARK [SOURCE-ADDRESS]
// icmp: errors (too big) about TCP packets from ADDRESS PORT to the client, as a router on the way sends them.
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

uint8_t number_of(int family, const std::string& protocol) {
  if (protocol == "icmp") return family == AF_INET ? 1 : 58;
  return protocol == "udp" ? 17 : protocol == "tcp" ? 6 : 132;
}

// With the addresses of the server and, left open, the client; the latter is the source.
Bytes packet(int family, const std::string& protocol, const Bytes& to, const Bytes& transport) {
  const uint8_t number = number_of(family, protocol);
  Bytes header(family == AF_INET ? 20 : 40);
  if (family == AF_INET) {
    header[0] = 0x45;
    put16(&header[2], static_cast<uint32_t>(header.size() + transport.size()));
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

// The error about a TCP packet from `to` to the client, which is left open; its place is returned.
Bytes too_big(int family, const Bytes& to, uint32_t port, size_t* client, size_t* ports) {
  Bytes error(8);
  error[0] = family == AF_INET ? 3 : 2;
  error[1] = family == AF_INET ? 4 : 0;
  put16(&error[6], 1400);
  Bytes inner = packet(family, "tcp", to, opening("tcp", 0));
  const size_t header = family == AF_INET ? 20 : 40;
  const size_t source = header - 2 * to.size();
  std::memcpy(&inner[source], to.data(), to.size());
  put16(&inner[header], port);
  *client = error.size() + source + to.size();
  *ports = error.size() + header + 2;
  error.insert(error.end(), inner.begin(), inner.end());
  return error;
}

// Of the ICMP message after the header, which for IPv6 includes the addresses.
void put_checksum(int family, Bytes* data) {
  const size_t header = family == AF_INET ? 20 : 40;
  uint64_t sum = family == AF_INET ? 0 : data->size() - header + 58;
  put16(&(*data)[header + 2], 0);
  for (size_t i = family == AF_INET ? header : 8; i < data->size(); i += 2)
    sum += (*data)[i] << 8 | (i + 1 < data->size() ? (*data)[i + 1] : 0);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  put16(&(*data)[header + 2], static_cast<uint32_t>(~sum));
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
  const bool icmp = order.protocol == "icmp";
  const size_t header = family == AF_INET ? 20 : 40;
  size_t client_at = 0, ports_at = 0;
  Bytes data = packet(family, order.protocol, to,
                      icmp ? too_big(family, to, order.port, &client_at, &ports_at)
                           : opening(order.protocol, order.port));
  uint8_t* source = &data[family == AF_INET ? 12 : 8];
  uint8_t* ports = &data[header + ports_at];
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
    if (icmp) {
      std::memcpy(&data[header + client_at], source, to.size());
      put_checksum(family, &data);
    }
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
