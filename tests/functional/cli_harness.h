// Runs the webpool program as a person's shell does, with folders of its own.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <boost/json.hpp>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace webpool::functional {

struct Finished {
  int code = -1;  ///< exit code, or 128 + signal
  std::string out;
  std::string err;

  boost::json::object json() const;
};

/// A program that runs in the background. Destroying it kills it.
class Running {
 public:
  Running(std::vector<std::string> command, std::map<std::string, std::string> environment,
          std::string input);
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  /// Waits until stderr or stdout contains the text; false when the program ended without it.
  bool waitForOutput(std::string_view text);
  /// The same, and the whole line that contains it: a long one comes in pieces.
  bool waitForLine(std::string_view text);
  /// What has been read by then.
  const Finished& soFar() const { return finished_; }
  Finished wait();

 private:
  bool readSome();

  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
  Finished finished_;
};

/// A folder for profiles and files that is gone after the test, and the store of models that all
/// tests share (each model is fetched once a build folder).
class CliTest : public testing::Test {
 protected:
  CliTest();
  ~CliTest() override;

  Finished run(std::vector<std::string> arguments, std::string input = {});
  std::unique_ptr<Running> start(std::vector<std::string> arguments, std::string input = {});

  /// Processes whose command line or working folder is in this test's cache folder.
  std::vector<std::string> leftProcesses() const;
  /// Ephemeral folders still there.
  std::vector<std::string> leftFolders() const;
  void expectNothingLeft() const;

  std::filesystem::path folder() const { return folder_; }
  std::filesystem::path write(const std::string& name, std::string_view contents) const;

  std::map<std::string, std::string> environment_;

 private:
  std::filesystem::path folder_;
};

/// A catalogue model is in the shared store after this; fetched the first time.
void ensureModel(const std::string& name, const std::string& dtype);

/// A model folder of MiniLM with fp32 and fp16 weights (tools/precisions.py), made the first time.
void ensureMiniLmInFp16(std::filesystem::path& folder);

/// Folders of models with random weights (tools/random-models.py), made the first time: `folder`
/// holds them all, by name.
void ensureRandomModels(std::filesystem::path& folder);

std::filesystem::path sharedData();

}  // namespace webpool::functional
