// Transactions on libuv's thread pool.
// SPDX-License-Identifier: MIT
#pragma once

#include <napi.h>

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "transport.h"

namespace addon {

struct Request {
  netlink::Bytes bytes;
  std::uint32_t count;
  std::chrono::milliseconds patience;
};

// Carries out one request after the other until none is left; more may be appended meanwhile, so that
// requests go out while the thread of the environment is still making others. A job deletes itself when it
// has settled its promises. All of it but execute() and take() happens on the thread of its environment,
// where the socket object lives as well; the lock is for what execute() shares with append().
class Job {
 public:
  // Returns the promise, or nullptr when the environment is going away. The request is copied: its
  // owner may change or transfer it meanwhile. `current` points to the newest job until that ends.
  static napi_value start(napi_env env, netlink::Transport& transport, const Request& request, Job*& current);

  // The same for a job that is under way; nothing if it has done all it had, and then a new one takes its place.
  std::optional<napi_value> append(const Request& request);

  // For an owner of the transport that closes it, or dies, before the job has ended: the transport must
  // live on until then, and `current` is not written to any more.
  void adopt(std::unique_ptr<netlink::Transport> transport);

  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

 private:
  struct Step {
    std::vector<std::uint8_t> bytes;
    std::uint32_t count;
    std::chrono::milliseconds patience;
    napi_deferred deferred;
    netlink::Result result;
  };

  Job(napi_env env, netlink::Transport& transport) : env_(env), transport_(transport) {}

  napi_value add(const Request& request);
  bool prepare();
  bool queue(Job*& current);
  Step* take();
  void finish(napi_status status);

  static void execute(napi_env env, void* data);
  static void complete(napi_env env, napi_status status, void* data);

  napi_env env_;
  netlink::Transport& transport_;
  std::mutex lock_;
  std::list<Step> waiting_;  // not deque: with it the addon would need a newer C++ library
  std::list<Step> taken_;
  bool ended_ = false;

  napi_async_work work_ = nullptr;
  Job** current_ = nullptr;
  std::unique_ptr<netlink::Transport> adopted_;
};

}  // namespace addon
