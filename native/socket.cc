// A netlink socket: see socket.h.
// SPDX-License-Identifier: MIT
#include "socket.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace netlink {
namespace {

constexpr std::size_t smallestReceiveSize = sizeof(nlmsghdr);
constexpr std::size_t largestReceiveSize = std::size_t{1} << 20;

// The kernel's NLMSG_GOODSIZE never exceeds this, whatever the size of a page.
std::size_t defaultReceiveSize() {
  return std::min<std::size_t>(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)), 8192);
}

// The address of the kernel when it is sent to, and of "any free port" when it is bound to.
sockaddr_nl kernelAddress() {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  return address;
}

// An option that the kernel is too old to know is one to do without: replies are larger and less clear.
int enable(int fd, int option) {
  const int on = 1;
  if (::setsockopt(fd, SOL_NETLINK, option, &on, sizeof(on)) == 0) return 0;
  return errno == ENOPROTOOPT ? 0 : errno;
}

// A chunk is made to fit, even if all of it fails, what Linux gives a socket by default. Where the
// administrator has lowered that, ask for as much; without CAP_NET_ADMIN no command would pass anyway.
void keepReceiveBuffer(int fd) {
  constexpr int usual = 212992;
  int size = 0;
  socklen_t length = sizeof(size);
  if (::getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &length) != 0 || size >= usual) return;
  static_cast<void>(::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &usual, sizeof(usual)));
}

// Restarts a call that a signal cut short; none of ours has had an effect by then.
template <typename Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

// A socket stays in the namespace where it was made, so only this call has to happen there.
Failure makeSocket(const Netns& netns, int protocol, Fd& made) {
  const NetnsGuard guard(netns);
  if (guard.failure()) return guard.failure();
  made = Fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  return made ? Failure{} : Failure{errno, "socket"};
}

Failure prepare(int fd) {
  const sockaddr_nl address = kernelAddress();
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return {errno, "bind"};
  for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK}) {
    if (const int error = enable(fd, option)) return {error, "setsockopt"};
  }
  keepReceiveBuffer(fd);
  return {};
}

// Any process with CAP_NET_ADMIN can send to our port; only the kernel has port 0.
bool isKernel(const sockaddr_nl& address, socklen_t length) {
  return length >= sizeof(address) && address.nl_family == AF_NETLINK && address.nl_pid == 0 &&
         address.nl_groups == 0;
}

}  // namespace

Socket::Opened Socket::open(const Netns& netns, std::size_t receiveSize, int protocol) {
  if (receiveSize == 0) receiveSize = defaultReceiveSize();
  if (receiveSize < smallestReceiveSize || receiveSize > largestReceiveSize)
    return {nullptr, {EINVAL, "open"}};

  Fd fd;
  Failure failure = makeSocket(netns, protocol, fd);
  if (!failure) failure = prepare(fd.get());
  if (failure) return {nullptr, failure};
  return {std::unique_ptr<Socket>(new Socket(std::move(fd), receiveSize)), {}};
}

Socket::Socket(Fd fd, std::size_t receiveSize)
    : fd_(std::move(fd)), receiveSize_(receiveSize), receiveBuffer_(new std::uint8_t[receiveSize]) {}

// The kernel carries the messages out before sendmsg returns, however long that takes.
int Socket::send(Bytes bytes) {
  sockaddr_nl kernel = kernelAddress();
  iovec part{const_cast<std::uint8_t*>(bytes.data), bytes.size};
  msghdr message{};
  message.msg_name = &kernel;
  message.msg_namelen = sizeof(kernel);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const ssize_t sent = uninterrupted([&] { return ::sendmsg(fd_.get(), &message, 0); });
  return sent < 0 ? errno : 0;
}

Datagram Socket::receive() {
  sockaddr_nl sender{};
  iovec part{receiveBuffer_.get(), receiveSize_};
  msghdr message{};
  message.msg_name = &sender;
  message.msg_namelen = sizeof(sender);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const ssize_t received = uninterrupted([&] { return ::recvmsg(fd_.get(), &message, MSG_DONTWAIT); });

  Datagram datagram;
  if (received < 0) {
    datagram.error = errno;
    return datagram;
  }
  datagram.fromKernel = isKernel(sender, message.msg_namelen);
  datagram.truncated = (message.msg_flags & MSG_TRUNC) != 0;
  datagram.bytes = {receiveBuffer_.get(), static_cast<std::size_t>(received)};
  return datagram;
}

int Socket::wait(const Deadline& deadline) {
  pollfd poller{fd_.get(), POLLIN, 0};
  const int ready = uninterrupted([&] { return ::poll(&poller, 1, deadline.remainingMs()); });
  if (ready < 0) return errno;
  return ready == 0 ? ETIMEDOUT : 0;
}

}  // namespace netlink
