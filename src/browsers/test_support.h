// What the tests of this folder share.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/file.h"
#include "browsers/child_process.h"
#include "browsers/launch_options.h"
#include "browsers/process_table.h"

namespace webpool::browsers::test {

/// A new folder under the system's temporary one; removed with its contents.
class TempFolder {
 public:
  TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder();

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Writes an executable shell script; makes its folders.
void writeScript(const std::filesystem::path& path, std::string_view body);
void writeText(const std::filesystem::path& path, std::string_view text);

/// Serves a small page on a free loopback port and remembers what was asked for.
class PageServer {
 public:
  PageServer();
  PageServer(const PageServer&) = delete;
  PageServer& operator=(const PageServer&) = delete;
  ~PageServer();

  std::string url(std::string_view path = "/") const;

  /// True once `path` was asked for.
  bool waitForRequest(std::string_view path, std::chrono::seconds limit);

 private:
  void serve();
  void answer(int connection);

  base::FileDescriptor listener_;
  base::FileDescriptor stop_;
  unsigned short port_ = 0;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<std::string> paths_;
  std::thread thread_;
};

/// pidfds of living processes, to wait for their end.
std::vector<base::FileDescriptor> openAll(const std::vector<ProcessEntry>& processes);

/// The processes of the browser that is recorded in that folder.
std::vector<ProcessEntry> recorded(const BrowserFolder& folder);

/// What the processes hold open under the system's temporary folder but outside `own`.
std::vector<std::string> strayFiles(const std::vector<ProcessEntry>& processes,
                                    const std::filesystem::path& own);

/// A program of the test's own, ended with the object.
class Helper {
 public:
  Helper(const std::filesystem::path& program, std::vector<std::string> arguments,
         std::vector<std::string> environment = {});
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
  ~Helper();

  ChildProcess& process() { return process_; }

  /// The next line that it prints; empty when it ended or nothing came for 30 s.
  std::string readLine();

 private:
  base::FileDescriptor output_;
  ChildProcess process_;
};

}  // namespace webpool::browsers::test
