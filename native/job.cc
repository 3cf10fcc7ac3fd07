// Transactions on the thread pool: see job.h.
// SPDX-License-Identifier: MIT
#include "job.h"

#include <cerrno>
#include <utility>

#include "outcome.h"

namespace addon {

napi_value Job::start(napi_env env, netlink::Transport& transport, const Request& request, Job*& current) {
  std::unique_ptr<Job> job(new Job(env, transport));
  if (!job->prepare()) return nullptr;
  const napi_value promise = job->add(request);
  if (promise != nullptr && job->queue(current)) static_cast<void>(job.release());  // complete() takes it back
  return promise;
}

std::optional<napi_value> Job::append(const Request& request) {
  const std::lock_guard<std::mutex> guard(lock_);
  if (!ended_) return add(request);
  current_ = nullptr;  // that of a newer one from now on
  return std::nullopt;
}

napi_value Job::add(const Request& request) {
  napi_value promise = nullptr;
  napi_deferred deferred = nullptr;
  if (napi_create_promise(env_, &deferred, &promise) != napi_ok) return nullptr;
  waiting_.push_back({{request.bytes.data, request.bytes.data + request.bytes.size},
                      request.count,
                      request.patience,
                      deferred,
                      {}});
  return promise;
}

Job::~Job() {
  if (work_ != nullptr) static_cast<void>(napi_delete_async_work(env_, work_));
}

bool Job::prepare() {
  napi_value name = nullptr;
  return napi_create_string_utf8(env_, "ipvs.transact", NAPI_AUTO_LENGTH, &name) == napi_ok &&
         napi_create_async_work(env_, nullptr, name, execute, complete, this, &work_) == napi_ok;
}

bool Job::queue(Job*& current) {
  if (napi_queue_async_work(env_, work_) != napi_ok) {
    Step& step = waiting_.front();
    step.result.failure = {EAGAIN, "transact"};
    settle(env_, step.deferred, step.result);
    return false;
  }
  current_ = &current;
  current = this;
  return true;
}

void Job::adopt(std::unique_ptr<netlink::Transport> transport) {
  adopted_ = std::move(transport);
  current_ = nullptr;
}

Job::Step* Job::take() {
  const std::lock_guard<std::mutex> guard(lock_);
  ended_ = waiting_.empty();
  if (ended_) return nullptr;
  taken_.splice(taken_.end(), waiting_, waiting_.begin());
  return &taken_.back();
}

// On a pool thread: touches nothing that the thread of the environment touches meanwhile.
void Job::execute(napi_env /*env*/, void* data) {
  Job& job = *static_cast<Job*>(data);
  while (Step* step = job.take()) {
    step->result =
        job.transport_.transact({step->bytes.data(), step->bytes.size()}, step->count, step->patience);
  }
}

void Job::complete(napi_env env, napi_status status, void* data) {
  const Napi::HandleScope scope(env);
  const std::unique_ptr<Job> job(static_cast<Job*>(data));
  job->finish(status);
}

void Job::finish(napi_status status) {
  if (current_ != nullptr) *current_ = nullptr;
  taken_.splice(taken_.end(), waiting_);  // of a job that never ran
  for (Step& step : taken_) {
    if (status != napi_ok) step.result.failure = {ECANCELED, "transact"};
    settle(env_, step.deferred, step.result);
  }
}

}  // namespace addon
