// Visits to other network namespaces: always back home, whatever fails.
// SPDX-License-Identifier: MIT
#include "netns.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>

#include "socket.h"
#include "test.h"

namespace {

using netlink::Fd;
using netlink::Netns;
using netlink::NetnsGuard;

ino_t inodeOf(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

ino_t here() {
  return inodeOf("/proc/thread-self/ns/net");
}

// The namespace that a socket belongs to.
ino_t namespaceOf(int socket) {
  const Fd fd(::ioctl(socket, SIOCGSKNS));
  struct stat status {};
  return ::fstat(fd.get(), &status) == 0 ? status.st_ino : 0;
}

// A process that sits in namespaces of its own until it is destroyed.
class Sitter {
 public:
  explicit Sitter(int namespaces) {
    int ready[2];
    if (::pipe2(ready, O_CLOEXEC) != 0) std::abort();
    const Fd reader(ready[0]);
    Fd writer(ready[1]);
    pid_ = ::fork();
    if (pid_ == 0) sit(namespaces, writer.get());
    writer = Fd();
    char byte = 0;
    ok_ = ::read(reader.get(), &byte, 1) == 1;
  }
  ~Sitter() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Sitter(const Sitter&) = delete;
  Sitter& operator=(const Sitter&) = delete;

  bool ok() const { return ok_; }
  std::string path(const char* kind) const { return "/proc/" + std::to_string(pid_) + "/ns/" + kind; }

 private:
  [[noreturn]] static void sit(int namespaces, int ready) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::unshare(namespaces) != 0 || ::write(ready, "", 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }

  pid_t pid_;
  bool ok_ = false;
};

constexpr const char* notAllowed = "needs CAP_SYS_ADMIN";

// Runs in a process of its own; returns its wait status.
template <typename Body>
int inChild(Body body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

void staysAtHome() {
  const ino_t home = here();
  const NetnsGuard guard({});
  expect(!guard.failure(), "success");
  expect(here() == home, "the same namespace");
}

void entersAndReturns() {
  const Sitter sitter(CLONE_NEWNET);
  if (!sitter.ok()) return skip(notAllowed);
  const ino_t home = here();
  const ino_t away = inodeOf(sitter.path("net"));
  const Fd fd(::open(sitter.path("net").c_str(), O_RDONLY | O_CLOEXEC));
  for (const Netns& netns : {Netns{sitter.path("net"), {}}, Netns{{}, fd.get()}}) {
    {
      const NetnsGuard guard(netns);
      expect(!guard.failure(), "success");
      expect(here() == away && away != home, "the other namespace");
    }
    expect(here() == home, "home again");
  }
}

void socketStaysAway() {
  const Sitter sitter(CLONE_NEWNET);
  if (!sitter.ok()) return skip(notAllowed);
  const ino_t home = here();
  const auto opened = netlink::Socket::open({sitter.path("net"), {}}, 0);
  expect(opened.socket != nullptr, "a socket");
  if (!opened.socket) return;
  expect(here() == home, "the thread at home");
  expect(namespaceOf(opened.socket->fd()) == inodeOf(sitter.path("net")), "the socket away");
}

void fileOfElsewhere() {
  const Sitter sitter(CLONE_NEWNET);
  if (!sitter.ok()) return skip(notAllowed);
  const ino_t home = here();
  const Netns away{sitter.path("net"), {}};
  const auto opened = netlink::openFile(away, "/proc/thread-self/ns/net", O_RDONLY);
  expect(!opened.failure, "success");
  struct stat status = {};
  expect(::fstat(opened.fd.get(), &status) == 0 && status.st_ino == inodeOf(sitter.path("net")), "the file there");
  expect(here() == home, "the thread at home");
  expectEqual(netlink::openFile(away, "/nonexistent", O_RDONLY).failure.error, ENOENT, "errno of a missing file");
  expectEqual(netlink::openFile({"/nonexistent", {}}, "/", O_RDONLY).failure.error, ENOENT, "errno of no namespace");
  expect(here() == home, "the thread at home after failures");
}

void fails(const Netns& netns, int error) {
  const ino_t home = here();
  const NetnsGuard guard(netns);
  expectEqual(guard.failure().error, error, "errno");
  expect(here() == home, "the same namespace");
}

void badNamespaces() {
  fails({"/nonexistent", {}}, ENOENT);
  fails({"", {}}, ENOENT);
  if (::geteuid() != 0) return;
  fails({"/proc/self/ns/mnt", {}}, EINVAL);
  fails({"/dev/null", {}}, EINVAL);
  fails({{}, -1}, EBADF);
}

void fifoDoesNotBlock() {
  char directory[] = "/tmp/ipvs-test-XXXXXX";
  if (::mkdtemp(directory) == nullptr) return skip("no /tmp");
  const std::string path = std::string(directory) + "/fifo";
  expect(::mkfifo(path.c_str(), 0600) == 0, "a FIFO");
  {
    const NetnsGuard guard({path, {}});
    expect(static_cast<bool>(guard.failure()), "a failure");
  }
  ::unlink(path.c_str());
  ::rmdir(directory);
}

// Root of a user namespace may enter a network namespace of its own, but not return to the host's.
void noVisitWithoutAWayBack() {
  const Sitter sitter(CLONE_NEWUSER | CLONE_NEWNET);
  if (!sitter.ok()) return skip("no user namespaces");
  const int status = inChild([&] {
    const ino_t home = here();
    const Fd user(::open(sitter.path("user").c_str(), O_RDONLY | O_CLOEXEC));
    if (::setns(user.get(), CLONE_NEWUSER) != 0) return 1;
    const NetnsGuard guard({sitter.path("net"), {}});
    return guard.failure().error == EPERM && here() == home ? 0 : 2;
  });
  expectEqual(status, 0, "status of a process that refuses to leave");
}

void lostWayBackAborts() {
  const Sitter sitter(CLONE_NEWNET);
  if (!sitter.ok()) return skip(notAllowed);
  const int status = inChild([&] {
    ::close(STDERR_FILENO);
    const NetnsGuard guard({sitter.path("net"), {}});
    return ::setresuid(65534, 65534, 65534) == 0 ? 0 : 1;
  });
  expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "abort()");
}

}  // namespace

Suite netnsSuite() {
  return {"netns",
          {{"no namespace asked for", staysAtHome},
           {"there and back, by path and by descriptor", entersAndReturns},
           {"a socket stays where it was opened", socketStaysAway},
           {"a file of elsewhere", fileOfElsewhere},
           {"what is no network namespace", badNamespaces},
           {"a FIFO does not block", fifoDoesNotBlock},
           {"nobody leaves who cannot come back", noVisitWithoutAWayBack},
           {"losing the way back aborts", lostWayBackAborts}}};
}
