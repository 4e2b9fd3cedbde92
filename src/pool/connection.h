// One place of the pool where models run: a browser that the pool launched (browser_connection.h),
// or a device that joined (joined_connection.h). What both have is here: a life
// (sched/connection_life.h), a page that is sent requests, each of which gets exactly one answer
// whatever becomes of the page, and the models that the page holds.
#pragma once

#include <spdlog/logger.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "net/event_loop.h"
#include "pool/loaded.h"
#include "pool/memory_keeper.h"
#include "pool/page_hub.h"
#include "pool/sharing_desk.h"
#include "sched/connection_life.h"
#include "webpool/pool.h"
#include "webpool/record.h"
#include "webpool/stats.h"

namespace webpool::pool {

/// What every connection of a pool uses. All of it outlives them.
struct ConnectionSite {
  net::EventLoop& loop;
  std::shared_ptr<spdlog::logger> log;
  sched::LifeOptions life;
  MemoryKeeper& memory;
  std::function<void(const std::string&, const StateChange&)> onStateChange;  ///< may be empty
  std::shared_ptr<RunObserver> observer;                                      ///< may be null
  base::Duration statsEvery;  ///< between two samples of memory
  SharingDesk& sharing;
};

/// What is known of a connection's present browser.
struct ConnectionFacts {
  BrowserCapabilities capabilities;
  double launchMs = 0;
};

/// On the loop thread, except where it says otherwise.
class Connection {
 public:
  using OnReady = std::move_only_function<void(Result<ConnectionFacts>)>;
  /// `died`: the connection ended under the request, which may be why.
  using Answered = std::move_only_function<void(Result<session::Answer>, bool died)>;

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection();

  std::uint64_t id() const { return id_; }             ///< any thread
  const std::string& label() const { return label_; }  ///< "chromium-0", "joined-3"; any thread
  Trust trust() const { return trust_; }               ///< any thread
  bool accepting() const { return accepting_; }        ///< nothing new is to be sent; any thread
  const std::string& browserName() const { return name_; }  ///< any thread

  /// Its present page, as other pages are told of it: "joined-3.17"; empty: none.
  const std::string& pageName() const { return pageName_; }

  /// Its page is there and may be sent requests.
  bool isUp() const { return life_ && life_->acceptsLoads(); }
  bool hasEnded() const { return life_ && life_->hasEnded(); }
  /// Calls `done` once: when the page is there, which is caused where it can be.
  virtual void whenReady(OnReady done) = 0;

  /// A number for cancel(). `answered` is called once, unless an error is returned here.
  Result<sched::JobId> submit(session::WorkerSession::Request request,
                              std::optional<base::TimePoint> deadline, Answered answered,
                              RequestListener listener = {});
  void cancel(sched::JobId job);
  /// Only where the page has not begun it: then its answer is Cancelled.
  void withdraw(sched::JobId run);

  /// The page holds the model from now on.
  void hold(const std::shared_ptr<Loaded>& model, std::uint64_t incarnation);
  void drop(const Loaded& model);
  /// Ends the model's Worker; `done` is called once, when its memory is free.
  void unload(Loaded& model, std::move_only_function<void()> done);
  /// A model's answers in this page were found right, or wrong.
  void gatePassed();
  void gateFailed(const Error& error);
  /// A model fails here on what it is known to answer.
  void knownInputsFailed(const Error& error);
  std::size_t openRequests() const { return jobs_.size(); }
  /// While the token is there, somebody is about to use the connection.
  std::shared_ptr<const void> claim() const { return claims_; }
  /// It holds no model and does nothing, and nobody is about to use it.
  bool isUnused() const;
  /// Of the model that was loaded into the page under that handle; empty for none.
  std::string modelName(const std::string& handle) const;

  /// Ends the page once what is open is done; a browser is launched anew.
  void recycle(const std::string& why);

  /// Drains and ends it. A browser is launched again when it is asked for.
  void retire();
  /// The page holds a model beside that one, or is loading one.
  bool holdsOther(const Loaded& model) const;

  /// Numbers the pages that came, over all connections of this process; 0 while none is there that
  /// may be sent work. Any thread.
  std::uint64_t incarnation() const { return incarnation_; }
  /// Of the page that is there, or was last. Any thread.
  ConnectionFacts facts() const;
  ConnectionStats stats() const;  ///< any thread
  /// What stats() has of it. Any thread.
  RecordedMemory memory() const;

  /// What is open and who waits gets `error`. Nothing begins any more.
  virtual void close(const Error& error);

 protected:
  /// `id`: of no other connection of the pool.
  Connection(ConnectionSite& site, PageHub& hub, std::uint64_t id, std::string browser,
             std::string label, Trust trust);

  // What the life asks a kind of connection to do.

  virtual void launch() = 0;
  virtual void waitForRelaunch() = 0;
  virtual void stop() = 0;  ///< answer with stopped(), now or later
  virtual void ended(const std::optional<Error>& cause) = 0;

  /// A page is there. Not up where the life has other plans by now.
  void pageCame(ConnectionFacts facts);
  /// Whatever the page still says belongs to nobody.
  virtual void leavePage();
  void onModelsLost(const std::vector<std::string>& handles, const Error& cause);
  /// What the models that are loaded account for, by their estimates.
  std::uint64_t modelBytes() const;
  /// Asks the page for what it knows of its memory, again and again.
  void askStats();

  /// Tells the life, then does what it asks for.
  template <class Event>
  void tell(Event event) {
    if (!life_ || closed_) return;
    event(*life_, site_.loop.now());
    settle();
  }
  void publish();
  /// The browser that runs takes so much memory.
  void noteMemory(std::uint64_t bytes);
  /// The page answered what had its outcome already.
  void onLateAnswers(std::uint64_t count);
  /// The page has something to say to another one.
  void onSignal(wire::Signal signal) { site_.sharing.signalled(pageName_, std::move(signal)); }

  ConnectionSite& site_;
  PageHub& hub_;
  std::optional<sched::ConnectionLife> life_;  ///< from the first time that somebody needs it
  std::string session_;                        ///< empty: none
  std::string pageName_;                       ///< empty: none
  std::string address_;                        ///< "address:port" of the page, where it is known
  std::optional<Error> cause_;                 ///< why the page ended, by whoever saw it
  bool closed_ = false;
  unsigned openLoads_ = 0;
  std::atomic<bool> accepting_{true};
  std::atomic<std::uint64_t> incarnation_{0};
  mutable std::mutex mutex_;  ///< for what follows
  ConnectionFacts facts_;
  ConnectionStats stats_;

 private:
  struct Job {
    Answered answered;
    session::RequestId request = 0;
    bool cancelled = false;
    bool isLoad = false;
    bool isRun = false;
  };

  void settle();
  /// For the observer: of this launch, from here to its end.
  void beginRecord();
  void noteChange(const sched::Transition& change);
  void noteAnswer(const Job& job, const Result<session::Answer>& answer);
  void endRecord(std::string reason, std::string detail);
  void perform(sched::LifeAction action);
  void arm();
  void checkHealth();
  void onStats(const wire::Stats& stats);
  void showModels();
  std::optional<Job> takeJob(sched::JobId job);
  void answer(sched::JobId job, Result<session::Answer> answer);
  void giveBack(const sched::GiveBackJobs& jobs);
  Error named(Error error) const;

  std::uint64_t id_;
  std::string name_;
  std::string label_;
  Trust trust_;
  net::Timer timer_;
  net::Timer asking_;
  bool telling_ = false;
  std::map<std::string, std::weak_ptr<Loaded>> held_;  ///< by handle
  std::map<std::string, std::string> modelNames_;      ///< by handle
  std::map<sched::JobId, Job> jobs_;
  sched::JobId nextJob_ = 1;
  std::shared_ptr<const void> claims_ = std::make_shared<int>();  ///< who else has it is a claim
  std::uint64_t lateAnswers_ = 0;                                 ///< of all its pages
  std::optional<RecordedConnection> record_;  ///< of the launch that is there; none: none is
};

using ConnectionRef = std::shared_ptr<Connection>;

}  // namespace webpool::pool
