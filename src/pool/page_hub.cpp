#include "pool/page_hub.h"

#include <unistd.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "net/peer_owner.h"

namespace webpool::pool {

struct PageHub::Page {
  struct Waiting {
    Answered answered;
    RequestListener listener;
  };

  session::WorkerSession machine;
  Events events;
  std::map<session::RequestId, Waiting> waiting;
  bool forgotten = false;
  bool touched = false;        ///< it is in touched_
  std::uint64_t lateTold = 0;  ///< of the machine's late answers
};

struct PageHub::Peer final : session::ChannelListener {
  Peer(PageHub& owner, session::ChannelId number, std::unique_ptr<session::Channel> opened)
      : hub(owner), id(number), channel(std::move(opened)) {}

  void onFrame(Bytes frame) override {
    if (page != nullptr) {
      page->machine.frameReceived(id, frame);
      hub.touch(*page);
    } else {
      hub.gate_.frameReceived(id, frame);
    }
    hub.pump();
  }

  void onPart() override {
    if (page != nullptr) page->machine.bytesReceived(id);
  }

  void onClosed(std::uint16_t code, std::string reason) override {
    auto& owner = hub;
    owner.log_->debug("page connection {} closed: {} {}", id, code, reason);
    if (page != nullptr) {
      page->machine.channelClosed(id, code, reason, owner.loop_.now());
      owner.touch(*page);
    } else {
      owner.gate_.channelClosed(id);
    }
    owner.peers_.erase(id);  // destroys this
    owner.pump();
  }

  PageHub& hub;
  session::ChannelId id;
  std::unique_ptr<session::Channel> channel;
  Page* page = nullptr;
};

PageHub::PageHub(net::EventLoop& loop, base::RandomSource random,
                 std::shared_ptr<spdlog::logger> log)
    : loop_(loop), random_(std::move(random)), log_(std::move(log)), gate_({}) {}

PageHub::~PageHub() = default;

void PageHub::serve(net::Server& server, const std::string& path, MayOpen mayOpen) {
  if (!mayOpen) {
    mayOpen = [this, port = server.port()](const net::RequestInfo& info) {
      // The token stands in the browser's command line, which other users of this
      // machine can read: a connection of theirs is none of our page's.
      const auto owner = net::peerOwner(info.peer, port);
      if (!owner || *owner == ::geteuid()) return true;
      log_->warn("a page connection is refused: it is of user {}", *owner);
      return false;
    };
  }
  server.onWebSocket(path,
                     [this, mayOpen = std::move(mayOpen)](
                         std::unique_ptr<session::Channel> channel,
                         const net::RequestInfo& info) -> session::ChannelListener* {
                       const auto id = nextChannel_++;
                       log_->debug("page connection {} from {}", id, info.peer);
                       if (!mayOpen(info)) return nullptr;
                       auto peer = std::make_unique<Peer>(*this, id, std::move(channel));
                       auto* listener = peer.get();
                       peers_.emplace(id, std::move(peer));
                       gate_.channelOpened(id, loop_.now());
                       // The gate may refuse at once; the listener must live until this returns.
                       loop_.post([this] { pump(); });
                       return listener;
                     });
}

PageHub::Admission PageHub::expect(session::SessionOptions options, Events events) {
  Admission admission{base::randomHex(random_, 16), base::randomHex(random_, 16)};
  options.id = admission.session;
  gate_.issue(admission.token, admission.session);
  pages_.emplace(admission.session,
                 std::unique_ptr<Page>(new Page{
                     session::WorkerSession(options, loop_.now()), std::move(events), {}}));
  pump();
  return admission;
}

Result<session::RequestId> PageHub::submit(const std::string& session,
                                           session::WorkerSession::Request request,
                                           std::optional<base::TimePoint> deadline,
                                           Answered answered, RequestListener listener) {
  const auto found = pages_.find(session);
  if (found == pages_.end()) {
    return fail(ErrorCategory::WorkerLost, "the browser's page is gone",
                "call again: the pool starts a new one");
  }
  auto id = found->second->machine.submit(std::move(request), deadline);
  if (id) found->second->waiting[*id] = {std::move(answered), std::move(listener)};
  touch(*found->second);
  pump();
  return id;
}

void PageHub::cancel(const std::string& session, session::RequestId id) {
  const auto found = pages_.find(session);
  if (found == pages_.end()) return;
  found->second->machine.cancel(id, loop_.now());
  touch(*found->second);
  pump();
}

void PageHub::tell(const std::string& session, const wire::PoolMessage& message) {
  const auto found = pages_.find(session);
  if (found == pages_.end()) return;
  found->second->machine.tell(message);
  touch(*found->second);
  pump();
}

void PageHub::close(const std::string& session, std::string_view reason) {
  const auto found = pages_.find(session);
  if (found == pages_.end()) return;
  found->second->machine.close(reason);
  touch(*found->second);
  pump();
}

void PageHub::abandon(const std::string& session, Error cause) {
  const auto found = pages_.find(session);
  if (found == pages_.end()) return;
  found->second->machine.abandon(std::move(cause));
  touch(*found->second);
  pump();
}

void PageHub::forget(const std::string& session) {
  const auto found = pages_.find(session);
  if (found == pages_.end()) return;
  found->second->forgotten = true;  // not erased: it may be the one that is being pumped
  found->second->machine.abandon({ErrorCategory::WorkerLost, "the browser was given up", ""});
  touch(*found->second);
  pump();
}

void PageHub::touch(Page& page) {
  if (!std::exchange(page.touched, true)) touched_.push_back(&page);
}

void PageHub::pump() {
  if (pumping_) return;  // the outer call goes on until nothing is left
  pumping_ = true;
  while (pumpOnce()) {
  }
  pumping_ = false;
  arm();
}

bool PageHub::pumpOnce() {
  bool any = false;
  for (auto& action : gate_.takeActions()) {
    any = true;
    perform(std::move(action));
  }
  for (auto* one : std::exchange(touched_, {})) {
    auto& page = *one;
    page.touched = false;
    auto actions = page.machine.takeActions();
    tellLateAnswers(page);
    // Who gets an answer may call again at once, on another thread: what is lost is told first.
    const auto tellsLoss = [](const session::Action& action) {
      return std::holds_alternative<session::ModelsLost>(action) ||
             std::holds_alternative<session::Ended>(action);
    };
    for (const bool loss : {true, false}) {
      for (auto& action : actions) {
        if (tellsLoss(action) != loss) continue;
        any = true;
        perform(page, std::move(action));
      }
    }
    // Where a call of theirs ended it just now, what follows from that is done first.
    if (!page.machine.hasEnded() || page.touched) continue;
    auto ended = std::move(pages_.extract(page.machine.options().id).mapped());
    gate_.revoke(page.machine.options().id);
    // Frames that still come over its connection belong to nobody.
    for (auto& [channel, peer] : peers_) {
      if (peer->page == ended.get()) peer->page = nullptr;
    }
  }
  return any || !touched_.empty();
}

void PageHub::perform(session::GateAction action) {
  if (const auto* closing = std::get_if<session::CloseChannel>(&action)) {
    log_->warn("page connection {} refused: {}", closing->channel, closing->reason);
    if (const auto peer = peers_.find(closing->channel); peer != peers_.end()) {
      peer->second->channel->close(closing->code, closing->reason);
    }
    return;
  }
  auto& admit = std::get<session::Admit>(action);
  const auto peer = peers_.find(admit.channel);
  const auto page = pages_.find(admit.session);
  if (peer == peers_.end()) return;
  if (page == pages_.end()) {
    peer->second->channel->close(session::CloseCode::Unauthorized, "the session is over");
    return;
  }
  peer->second->page = page->second.get();
  page->second->machine.connected(admit.channel, admit.hello, loop_.now());
  touch(*page->second);
}

void PageHub::perform(Page& page, session::Action action) {
  struct Visitor {
    PageHub& hub;
    Page& page;

    PageHub::Page::Waiting take(session::RequestId id) {
      auto node = page.waiting.extract(id);
      return node.empty() ? Page::Waiting{} : std::move(node.mapped());
    }

    void operator()(session::SendFrame& send) {
      if (const auto peer = hub.peers_.find(send.channel); peer != hub.peers_.end()) {
        peer->second->channel->send(std::move(send.pieces));
      }
    }
    void operator()(session::CloseChannel& closing) {
      if (closing.code != session::CloseCode::Normal) {
        hub.log_->warn("page connection {} ended: {}", closing.channel, closing.reason);
      }
      if (const auto peer = hub.peers_.find(closing.channel); peer != hub.peers_.end()) {
        peer->second->channel->close(closing.code, closing.reason);
      }
    }
    void operator()(session::Ready& ready) {
      hub.log_->debug("worker ready: {}{}", ready.capabilities.browser.userAgent,
                      ready.resumed ? " (resumed)" : "");
      if (!ready.resumed && page.events.ready && !page.forgotten)
        page.events.ready(ready.capabilities);
    }
    void operator()(session::Suspended& suspended) {
      hub.log_->warn("page connection lost, waiting for it to come back: {}", suspended.reason);
    }
    void operator()(wire::Progress& progress) {
      const auto waiting = page.waiting.find(progress.id);
      if (waiting != page.waiting.end() && waiting->second.listener.progress && !page.forgotten) {
        waiting->second.listener.progress(progress);
      }
    }
    void operator()(wire::Partial& partial) {
      const auto waiting = page.waiting.find(partial.id);
      if (waiting != page.waiting.end() && waiting->second.listener.partial && !page.forgotten) {
        waiting->second.listener.partial(std::move(partial));
      }
    }
    void operator()(session::RequestDone& done) {
      if (auto waiting = take(done.id); waiting.answered && !page.forgotten) {
        waiting.answered(std::move(done.answer));
      }
    }
    void operator()(session::RequestFailed& failed) {
      if (auto waiting = take(failed.id); waiting.answered && !page.forgotten) {
        waiting.answered(std::unexpected(std::move(failed.error)));
      }
    }
    void operator()(session::ModelsLost& lost) {
      hub.log_->debug("page lost {} model(s): {}", lost.models.size(), lost.cause.message);
      if (page.events.modelsLost && !page.forgotten)
        page.events.modelsLost(lost.models, lost.cause);
    }
    void operator()(session::PageFailed& failed) {
      hub.log_->error("page: {}", failed.error.describe());
    }
    void operator()(wire::Log& message) {
      constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                       spdlog::level::warn, spdlog::level::err};
      hub.log_->log(kLevels[static_cast<int>(message.level)], "page: {}", message.message);
    }
    void operator()(wire::Signal& signal) {
      if (page.events.signal && !page.forgotten) page.events.signal(std::move(signal));
    }
    void operator()(session::Ended& ended) {
      if (page.events.ended && !page.forgotten) page.events.ended(std::move(ended.cause));
    }
  };
  std::visit(Visitor{*this, page}, action);
}

void PageHub::tellLateAnswers(Page& page) {
  const auto all = page.machine.counters().lateAnswers;
  const auto untold = all - std::exchange(page.lateTold, all);
  if (untold > 0 && page.events.lateAnswers && !page.forgotten) page.events.lateAnswers(untold);
}

void PageHub::arm() {
  std::optional<base::TimePoint> due = gate_.nextDeadline();
  for (const auto& [id, page] : pages_) {
    if (const auto deadline = page->machine.nextDeadline();
        deadline && (!due || *deadline < *due)) {
      due = deadline;
    }
  }
  if (!due) {
    timer_.cancel();
    return;
  }
  timer_ = loop_.callAt(*due, [this] {
    const auto now = loop_.now();
    gate_.tick(now);
    for (auto& [id, page] : pages_) {
      const auto deadline = page->machine.nextDeadline();
      if (!deadline || *deadline > now) continue;
      page->machine.tick(now);
      touch(*page);
    }
    pump();
  });
}

}  // namespace webpool::pool
