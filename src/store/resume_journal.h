// What an import has done so far, beside its staged files, so that the next one of the same path
// goes on from there. A line that a crash tore is no line; a file whose source or copy has another
// size or time than then is begun anew.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "cid/sha256.h"
#include "store/ingest.h"
#include "webpool/error.h"

namespace webpool::store {

class ResumeJournal {
 public:
  /// The file that an import is about: another state of the source is another file.
  struct Source {
    std::string treePath;
    std::uint64_t size = 0;
    std::int64_t mtimeNs = 0;
    std::int64_t ctimeNs = 0;  ///< whoever changes the file can set back the time above, not this
    std::uint64_t inode = 0;
    std::uint64_t device = 0;

    auto operator<=>(const Source&) const = default;
  };
  struct Finished {
    unsigned number = 0;  ///< the staged file's name
    Ingested ingested;
  };
  struct Begun {
    unsigned number = 0;
    std::vector<cid::Digest> leaves;  ///< of what was copied
  };

  /// Of a staging folder; makes the journal where there is none.
  static Result<std::unique_ptr<ResumeJournal>> open(const std::filesystem::path& folder);

  /// A copy that is complete and untouched.
  std::optional<Finished> finished(const Source& source) const;
  /// A copy that was broken off.
  std::optional<Begun> begun(const Source& source) const;

  /// The number of a new staged file.
  unsigned nextNumber() { return next_++; }
  Result<void> recordBegin(unsigned number, const Source& source);
  Result<void> recordEnd(unsigned number, const Source& source, const Ingested& ingested);

  /// Takes leaves as they are made; from any thread. What can't be written is only not resumed.
  std::function<void(std::span<const cid::Digest>)> leafRecorder(unsigned number) const;

  std::filesystem::path stagedPath(unsigned number) const;

 private:
  explicit ResumeJournal(std::filesystem::path folder) : folder_(std::move(folder)) {}
  Result<void> load();
  void takeLine(std::string_view line);
  Result<void> writeLine(std::string line);
  std::filesystem::path leavesPath(unsigned number) const;

  std::filesystem::path folder_;
  base::FileDescriptor file_;
  unsigned next_ = 0;
  std::map<Source, unsigned> begun_;
  std::map<Source, Finished> finished_;
};

}  // namespace webpool::store
