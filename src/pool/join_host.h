// A join desk with a loop thread of its own, for a program that has no engine to put it into. Calls
// from any thread, waiting for the loop where they must.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "pool/join_desk.h"

namespace webpool::pool {

class JoinHost {
 public:
  /// Opens the content store of `dataFolder` and the desk; its certificate is kept in
  /// `dataFolder`/join. The events come on the loop thread.
  static Result<std::unique_ptr<JoinHost>> open(const std::filesystem::path& dataFolder,
                                                JoinOptions options, JoinEvents events,
                                                std::shared_ptr<spdlog::logger> log);
  /// close()
  ~JoinHost();
  JoinHost(const JoinHost&) = delete;
  JoinHost& operator=(const JoinHost&) = delete;

  const std::string& link() const noexcept;
  const std::string& fingerprint() const noexcept;

  /// Tells every page that it is over, frees the port, ends the thread. Idempotent.
  void close();

  struct Impl;

 private:
  explicit JoinHost(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace webpool::pool
