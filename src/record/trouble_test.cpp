// Files that can't be written: nothing fails, everything is told.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "record/rows.h"
#include "record/testing/record_fixture.h"

namespace webpool::record {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// Another process that has the file open, until release() or its end.
class OtherProcess {
 public:
  explicit OtherProcess(const std::filesystem::path& file) {
    int opened[2];
    int released[2];
    EXPECT_EQ(pipe(opened), 0);
    EXPECT_EQ(pipe(released), 0);
    pid_ = fork();
    if (pid_ == 0) {
      close(released[1]);
      const auto database = Database::open(*duckdb::load(), file, Access::Write);
      char byte = database ? 'y' : 'n';
      (void)!write(opened[1], &byte, 1);
      (void)!read(released[0], &byte, 1);
      _exit(0);
    }
    close(opened[1]);
    close(released[0]);
    char byte = 'n';
    EXPECT_EQ(read(opened[0], &byte, 1), 1);
    EXPECT_EQ(byte, 'y');
    close(opened[0]);
    release_ = released[1];
  }
  ~OtherProcess() { release(); }
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;

  pid_t pid() const { return pid_; }
  void release() {
    if (release_ < 0) return;
    close(release_);
    release_ = -1;
    waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_ = -1;
  int release_ = -1;
};

TEST_F(RecordTest, RowsWaitForAnotherProcess) {
  makeRecord();
  OtherProcess other(file());
  const auto record = openRecord(options());
  record->ran(someRun());
  waitForNotice();
  EXPECT_THAT(notices(), ElementsAre(HasSubstr("PID " + std::to_string(other.pid()))));
  other.release();
  record->close();
  EXPECT_THAT(notices(), SizeIs(1));
  EXPECT_EQ(record->counts().written, 1U);
  EXPECT_EQ(value("SELECT count(*) FROM webpool.runs"), "2");
}

TEST_F(RecordTest, ProcessesThatMakeTheFileAtOnceGetItWhole) {
  constexpr int kRounds = 30;
  constexpr int kProcesses = 6;
  for (int round = 0; round < kRounds; ++round) {
    const auto fresh = file().parent_path() / std::to_string(round) / "runs.duckdb";
    std::filesystem::create_directories(fresh.parent_path());
    int start[2];
    ASSERT_EQ(pipe(start), 0);
    std::vector<pid_t> children;
    for (int i = 0; i < kProcesses; ++i) {
      children.push_back(fork());
      if (children.back() == 0) {
        close(start[1]);
        const auto library = *duckdb::load();
        char byte;
        (void)!read(start[0], &byte, 1);  // the end of it, which comes for all at once
        auto database = Database::open(library, fresh, Access::Write);
        // One that another has is to be waited for.
        const bool right = database || database.error().category == ErrorCategory::Busy;
        if (!right) std::fputs((database.error().message + "\n").c_str(), stderr);
        if (database) database->reset();
        _exit(right ? 0 : 1);
      }
    }
    close(start[0]);
    close(start[1]);
    for (const auto child : children) {
      int status = -1;
      waitpid(child, &status, 0);
      EXPECT_EQ(status, 0);
    }
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(fresh.parent_path()), {}), 1);
  }
}

TEST_F(RecordTest, TheEndDoesNotWaitForEver) {
  makeRecord();
  OtherProcess other(file());
  auto wanted = options();
  wanted.patience = std::chrono::milliseconds(150);
  const auto record = openRecord(wanted);
  record->ran(someRun());
  record->ran(someRun());
  record->close();
  EXPECT_THAT(notices(), ElementsAre(HasSubstr("is held by"), HasSubstr("2 rows could not")));
  EXPECT_EQ(record->counts().lost, 2U);
  other.release();
  EXPECT_EQ(value("SELECT count(*) FROM webpool.runs"), "1");
}

TEST_F(RecordTest, OnlySoManyRowsWait) {
  makeRecord();
  OtherProcess other(file());
  auto wanted = options();
  wanted.capacity = 10;
  const auto record = openRecord(wanted);
  for (int i = 0; i < 25; ++i) record->ran(someRun());
  EXPECT_EQ(record->counts().lost, 15U);
  EXPECT_EQ(record->counts().waiting, 10U);
  waitForNotice();
  other.release();
  record->close();
  EXPECT_EQ(record->counts().written, 10U);
  EXPECT_THAT(notices(), ElementsAre(HasSubstr("is held by"), HasSubstr("15 rows could not")));
  EXPECT_EQ(value("SELECT count(*) FROM webpool.runs"), "11");
}

TEST_F(RecordTest, WhatIsNoDatabaseIsLeftAsItIs) {
  const std::string text = "These are the accounts of 2025. " + std::string(20'000, 'x');
  write(text);
  const auto record = openRecord(options());
  record->ran(someRun());
  record->close();
  EXPECT_EQ(bytes(), text);
  EXPECT_THAT(notices(), ElementsAre(HasSubstr("no record is kept"), HasSubstr("1 row could")));
  const auto history = readHistory(file(), {});
  ASSERT_FALSE(history);
  EXPECT_EQ(history.error().category, ErrorCategory::Integrity);
}

TEST_F(RecordTest, ADamagedDatabaseIsLeftAsItIs) {
  makeRecord(100);
  auto damaged = bytes();
  // Past the two headers that say where everything is.
  for (std::size_t i = 3 * 4096; i < damaged.size(); ++i) damaged[i] = static_cast<char>(i * 7);
  write(damaged);
  const auto record = openRecord(options());
  record->ran(someRun());
  record->close();
  EXPECT_EQ(bytes(), damaged);
  ASSERT_THAT(notices(), SizeIs(2));
  EXPECT_THAT(notices()[0], HasSubstr("no record is kept"));
  const auto history = readHistory(file(), {});
  ASSERT_FALSE(history);
  EXPECT_EQ(history.error().category, ErrorCategory::Integrity) << history.error().describe();
}

TEST_F(RecordTest, ACutOffDatabaseIsLeftAsItIs) {
  makeRecord(100);
  const auto cut = bytes().substr(0, 5'000);
  write(cut);
  const auto record = openRecord(options());
  record->ran(someRun());
  record->close();
  EXPECT_EQ(bytes(), cut);
  ASSERT_THAT(notices(), SizeIs(2));
  EXPECT_THAT(notices()[0], HasSubstr("no record is kept"));
}

TEST_F(RecordTest, AProgramThatIsKilledWhileItWritesLeavesAWholeFile) {
  makeRecord();
  const auto pid = fork();
  if (pid == 0) {
    const auto database = Database::open(*duckdb::load(), file(), Access::Write);
    const std::vector<NumberedRow> rows{{2, someRun("killed")}};
    if (database && append(**database, thisSession(), rows)) raise(SIGKILL);
    _exit(1);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_TRUE(std::filesystem::exists(file().native() + ".wal"));
  EXPECT_EQ(value("SELECT count(*) FROM webpool.runs"), "2");
  makeRecord();
  EXPECT_EQ(value("SELECT count(*) FROM webpool.runs"), "3");
}

/// No file of this process may be larger, as on a disk that is full.
class FullDisk {
 public:
  explicit FullDisk(std::uint64_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST_F(RecordTest, AFullDiskCostsRowsAndNotTheFile) {
  makeRecord(1);
  {
    const FullDisk full(std::filesystem::file_size(file()));
    const auto record = openRecord(options());
    auto run = someRun();
    run.error = Error{ErrorCategory::Internal, "", ""};
    for (int i = 0; i < 2'000; ++i) {
      run.error->message = std::string(2'000, static_cast<char>('a' + i % 26)) + std::to_string(i);
      record->ran(run);
    }
    record->close();
    const auto counts = record->counts();
    EXPECT_GT(counts.lost, 0U);
    EXPECT_EQ(counts.lost + counts.written, 2'000U);
    ASSERT_THAT(notices(), SizeIs(2));
    EXPECT_THAT(notices()[0], HasSubstr("no space for"));
    EXPECT_THAT(notices()[1], HasSubstr("rows could not be written"));
  }
  EXPECT_EQ(value("SELECT count(*) FROM webpool.runs WHERE error IS NULL"), "1");
  EXPECT_EQ(value("SELECT count(*) >= 1 FROM webpool.runs"), "true");
}

/// Asked at once, while nothing is written yet.
TEST_F(RecordTest, WhatKeepsRowsFromTheFileIsKnown) {
  const auto categoryAt = [&](const std::filesystem::path& file) {
    auto wanted = options();
    wanted.file = file;
    const auto record = openRecord(wanted);
    const auto trouble = record->trouble();
    record->ran(someRun());
    record->close();
    EXPECT_EQ(record->counts().lost, trouble ? 1U : 0U) << file;
    return trouble ? trouble->category : ErrorCategory::Internal;
  };
  EXPECT_EQ(categoryAt(file()), ErrorCategory::Internal) << "there is none";
  EXPECT_EQ(categoryAt(folder_), ErrorCategory::Storage) << "a folder";
  EXPECT_EQ(categoryAt("/dev/full"), ErrorCategory::Storage);
  ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(categoryAt(folder_ / "pipe"), ErrorCategory::Storage) << "nobody waits for its reader";
  EXPECT_EQ(categoryAt(folder_ / "none" / "record.duckdb"), ErrorCategory::NotFound);
  const auto other = folder_ / "notes.txt";
  std::ofstream(other) << "These are the accounts of 2025. " << std::string(20'000, 'x');
  EXPECT_EQ(categoryAt(other), ErrorCategory::Integrity);
}

TEST_F(RecordTest, NamesThatMeanOtherThingsToDuckDbAreFiles) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder_);
  for (const auto* name : {":memory:", "md:runs", "sqlite:runs"}) {
    auto wanted = options();
    wanted.file = name;
    const auto record = openRecord(wanted);
    record->ran(someRun());
    record->close();
    EXPECT_EQ(record->counts().written, 1U) << name;
    const auto history = readHistory(name, {});
    EXPECT_TRUE(history) << name;
  }
  std::filesystem::current_path(before);
  EXPECT_TRUE(std::filesystem::is_regular_file(folder_ / ":memory:"));
}

TEST_F(RecordTest, TroubleIsOverWhenTheFileIsFree) {
  makeRecord();
  OtherProcess other(file());
  const auto record = openRecord(options());
  ASSERT_TRUE(record->trouble());
  EXPECT_EQ(record->trouble()->category, ErrorCategory::Busy);
  other.release();
  record->close();
  EXPECT_FALSE(record->trouble());
}

TEST_F(RecordTest, AFolderThatIsNotThereIsTold) {
  auto wanted = options();
  wanted.file = folder_ / "none" / "record.duckdb";
  const auto record = openRecord(wanted);
  record->ran(someRun());
  record->close();
  EXPECT_THAT(notices(),
              ElementsAre(testing::AllOf(HasSubstr("no record is kept"), HasSubstr("folder")),
                          HasSubstr("1 row could")));
}

TEST_F(RecordTest, ALibraryThatIsNotThereIsTold) {
  setenv("WEBPOOL_DUCKDB", "/none/libduckdb.so", 1);
  const auto record = openRecord(options());
  record->ran(someRun());
  record->close();
  const auto history = readHistory("/proc/self/exe", {});
  unsetenv("WEBPOOL_DUCKDB");
  ASSERT_THAT(notices(), SizeIs(2));
  EXPECT_THAT(notices()[0], HasSubstr("DuckDB is not there"));
  ASSERT_FALSE(history);
  EXPECT_EQ(history.error().category, ErrorCategory::Unsupported);
  EXPECT_THAT(history.error().hint, HasSubstr("scripts/setup"));
}

}  // namespace
}  // namespace webpool::record
