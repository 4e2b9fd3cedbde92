#include "pool/join_host.h"

#include <future>
#include <thread>
#include <utility>

#include "embedded/page_files.h"
#include "pool/model_source.h"

namespace webpool::pool {

struct JoinHost::Impl {
  std::unique_ptr<ModelSource> models;
  net::EmbeddedFiles page{page_files::files()};
  net::EventLoop loop;
  std::unique_ptr<JoinDesk> desk;
  std::string link;
  std::string fingerprint;
  std::jthread thread;
};

JoinHost::JoinHost(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

JoinHost::~JoinHost() {
  close();
}

Result<std::unique_ptr<JoinHost>> JoinHost::open(const std::filesystem::path& dataFolder,
                                                 JoinOptions options, JoinEvents events,
                                                 std::shared_ptr<spdlog::logger> log) {
  auto models = ModelSource::open(dataFolder);
  if (!models) return std::unexpected(models.error());
  options.ownFolder = dataFolder / "join";
  auto impl = std::make_unique<Impl>();
  impl->models = std::move(*models);
  auto desk = JoinDesk::open({.loop = impl->loop,
                              .content = impl->models->content(),
                              .page = impl->page,
                              .random = base::systemRandom(),
                              .log = std::move(log)},
                             std::move(options), std::move(events));
  if (!desk) return std::unexpected(desk.error());
  impl->desk = std::move(*desk);
  impl->link = impl->desk->link();
  impl->fingerprint = impl->desk->fingerprint();
  impl->thread = std::jthread([&loop = impl->loop] { loop.run(); });
  return std::unique_ptr<JoinHost>(new JoinHost(std::move(impl)));
}

const std::string& JoinHost::link() const noexcept {
  return impl_->link;
}

const std::string& JoinHost::fingerprint() const noexcept {
  return impl_->fingerprint;
}

void JoinHost::close() {
  if (!impl_->thread.joinable()) return;
  std::promise<void> closed;
  impl_->loop.post([&] {
    impl_->desk->close([&] {
      impl_->desk.reset();
      closed.set_value();
    });
  });
  closed.get_future().wait();
  impl_->loop.stop();
  impl_->thread.join();
}

}  // namespace webpool::pool
