// A transaction on the thread pool: see job.h.
// SPDX-License-Identifier: MIT
#include "job.h"

#include <cerrno>
#include <utility>

#include "outcome.h"

namespace addon {

napi_value Job::start(napi_env env, netlink::Transport& transport, const Request& request, Job*& inFlight) {
  std::unique_ptr<Job> job(new Job(env, transport, request));
  napi_value promise = nullptr;
  if (!job->prepare() || napi_create_promise(env, &job->deferred_, &promise) != napi_ok) return nullptr;
  if (job->queue(inFlight)) static_cast<void>(job.release());  // complete() takes it back
  return promise;
}

Job::Job(napi_env env, netlink::Transport& transport, const Request& request)
    : env_(env),
      transport_(transport),
      bytes_(request.bytes.data, request.bytes.data + request.bytes.size),
      count_(request.count),
      patience_(request.patience) {}

Job::~Job() {
  if (work_ != nullptr) static_cast<void>(napi_delete_async_work(env_, work_));
}

bool Job::prepare() {
  napi_value name = nullptr;
  return napi_create_string_utf8(env_, "ipvs.transact", NAPI_AUTO_LENGTH, &name) == napi_ok &&
         napi_create_async_work(env_, nullptr, name, execute, complete, this, &work_) == napi_ok;
}

bool Job::queue(Job*& inFlight) {
  if (napi_queue_async_work(env_, work_) != napi_ok) {
    result_.failure = {EAGAIN, "transact"};
    settle(env_, deferred_, result_);
    return false;
  }
  inFlight_ = &inFlight;
  inFlight = this;
  return true;
}

void Job::adopt(std::unique_ptr<netlink::Transport> transport) {
  adopted_ = std::move(transport);
  inFlight_ = nullptr;
}

// On a pool thread: touches nothing that the thread of the environment touches meanwhile.
void Job::execute(napi_env /*env*/, void* data) {
  Job& job = *static_cast<Job*>(data);
  job.result_ = job.transport_.transact({job.bytes_.data(), job.bytes_.size()}, job.count_, job.patience_);
}

void Job::complete(napi_env env, napi_status status, void* data) {
  const Napi::HandleScope scope(env);
  const std::unique_ptr<Job> job(static_cast<Job*>(data));
  job->finish(status);
}

void Job::finish(napi_status status) {
  if (inFlight_ != nullptr) *inFlight_ = nullptr;
  if (status != napi_ok) result_.failure = {ECANCELED, "transact"};
  settle(env_, deferred_, result_);
}

}  // namespace addon
