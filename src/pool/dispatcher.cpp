#include "pool/dispatcher.h"

#include <algorithm>
#include <utility>

namespace webpool::pool {

Dispatcher::RunId Dispatcher::enqueue(WorkerId id, unsigned threads, Send send) {
  auto& worker = workers_[id];
  worker.threads = threads;
  const auto run = next_++;
  worker.waiting.push_back({run, std::move(send)});
  pump(id);
  return run;
}

void Dispatcher::pump(WorkerId id) {
  const auto found = workers_.find(id);
  if (found == workers_.end() || found->second.pumping) return;  // the outer call goes on
  auto& worker = found->second;
  worker.pumping = true;
  while (!worker.waiting.empty() && worker.inFlight < kInFlight && !worker.asked) {
    if (!worker.running) {
      worker.running = bound_.tryBegin(id, worker.threads);
      worker.asked = !worker.running;
      continue;
    }
    if (worker.inFlight > 0 && bound_.waiting() > 0) break;  // it is the others' turn soon
    auto run = std::move(worker.waiting.front());
    worker.waiting.pop_front();
    ++worker.inFlight;
    if (!run.send()) --worker.inFlight;
  }
  worker.pumping = false;
  if (worker.inFlight > 0) return;
  release(id, worker);
}

/// Nothing of it runs: its threads are free for who waits, itself behind them.
void Dispatcher::release(WorkerId id, Worker& worker) {
  const bool wants = !worker.waiting.empty();
  if (worker.running) {
    worker.running = false;
    bound_.end(id);
  } else if (worker.asked && !wants) {
    worker.asked = false;
    bound_.leave(id);
  }
  const bool asksAgain = wants && !worker.asked;
  if (!wants) workers_.erase(id);
  pumpStarted();
  if (asksAgain) pump(id);
}

void Dispatcher::setCores(unsigned cores) {
  bound_.setBound(cores);
  pumpStarted();
}

/// The workers whose turn for threads it is.
void Dispatcher::pumpStarted() {
  for (const auto started : bound_.takeStarted()) {
    const auto found = workers_.find(started);
    if (found == workers_.end()) {
      bound_.end(started);
      continue;
    }
    found->second.asked = false;
    found->second.running = true;
    pump(started);
  }
}

void Dispatcher::finished(WorkerId id) {
  const auto found = workers_.find(id);
  if (found == workers_.end() || found->second.inFlight == 0) return;
  auto& worker = found->second;
  if (--worker.inFlight == 0 && bound_.waiting() > 0 && !worker.pumping) {
    release(id, worker);
  } else {
    pump(id);
  }
}

bool Dispatcher::withdraw(WorkerId id, RunId run) {
  const auto found = workers_.find(id);
  if (found == workers_.end()) return false;
  auto& waiting = found->second.waiting;
  const auto at = std::ranges::find(waiting, run, &Run::id);
  if (at == waiting.end()) return false;
  waiting.erase(at);
  pump(id);
  return true;
}

std::size_t Dispatcher::waiting() const {
  std::size_t sum = 0;
  for (const auto& [id, worker] : workers_) sum += worker.waiting.size();
  return sum;
}

}  // namespace webpool::pool
