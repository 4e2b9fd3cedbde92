#include "store/resume_journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <sstream>

#include <fmt/format.h>

namespace webpool::store {
namespace {

// Leaves of small files stand in the journal's line.
constexpr std::size_t kInlineLeaves = 16;
constexpr std::size_t kCheckSize = 16;

constexpr std::string_view kBegun = "BEGUN";
constexpr std::string_view kFlushed = "FLUSHED";
constexpr std::string_view kWhole = "WHOLE";

std::span<const std::byte> asBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::optional<std::string> fromHex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    unsigned value = 0;
    const auto* begin = text.data() + i;
    const auto parsed = std::from_chars(begin, begin + 2, value, 16);
    if (parsed.ec != std::errc() || parsed.ptr != begin + 2) return std::nullopt;
    bytes.push_back(static_cast<char>(value));
  }
  return bytes;
}

std::vector<cid::Digest> digestsOf(std::string_view bytes) {
  std::vector<cid::Digest> digests(bytes.size() / sizeof(cid::Digest));
  if (!digests.empty())
    std::memcpy(digests.data(), bytes.data(), digests.size() * sizeof(cid::Digest));
  return digests;
}

std::string checkOf(std::string_view line) {
  return cid::hexText(cid::sha256(asBytes(line))).substr(0, kCheckSize);
}

std::string headOf(std::string_view kind, unsigned number, const ResumeJournal::Source& source) {
  return fmt::format("{} {} {} {} {} {} {} x{}", kind, number, source.size, source.mtimeNs,
                     source.ctimeNs, source.inode, source.device,
                     cid::hexText(asBytes(source.treePath)));
}

}  // namespace

std::filesystem::path ResumeJournal::stagedPath(unsigned number) const {
  return folder_ / fmt::format("{}", number);
}

std::filesystem::path ResumeJournal::leavesPath(unsigned number) const {
  return folder_ / fmt::format("{}.leaves", number);
}

Result<std::unique_ptr<ResumeJournal>> ResumeJournal::open(const std::filesystem::path& folder) {
  std::unique_ptr<ResumeJournal> journal(new ResumeJournal(folder));
  if (auto loaded = journal->load(); !loaded) return std::unexpected(loaded.error());
  return journal;
}

Result<void> ResumeJournal::load() {
  const auto path = folder_ / "journal";
  auto file = base::openFile(path, O_RDWR | O_CREAT | O_APPEND, 0600);
  if (!file) return std::unexpected(file.error());
  file_ = std::move(*file);
  const auto text = base::readFile(path);
  if (!text) return std::unexpected(text.error());
  std::string_view rest = *text;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) {  // torn: what follows must not be glued to it
      return base::writeAll(file_.get(), asBytes("\n"), path);
    }
    takeLine(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  return {};
}

// "KIND NUMBER SIZE MTIME CTIME INODE DEVICE PATH": BEGUN; FLUSHED: complete and on the disk;
// WHOLE: complete only. These two go on "SHA256 STAGED-MTIME LEAVES". A check ends each. Lines of
// earlier versions (kinds of one letter, without CTIME and DEVICE) only keep their numbers.
void ResumeJournal::takeLine(std::string_view line) {
  if (line.size() <= kCheckSize + 1) return;
  const auto body = line.substr(0, line.size() - kCheckSize - 1);
  if (line.substr(body.size() + 1) != checkOf(body)) return;
  std::istringstream words{std::string(body)};
  std::string kind, path;
  unsigned number = 0;
  Source source;
  words >> kind >> number;
  if (!words) return;
  next_ = std::max(next_, number + 1);
  if (kind != kBegun && kind != kFlushed && kind != kWhole) return;
  words >> source.size >> source.mtimeNs >> source.ctimeNs >> source.inode >> source.device >> path;
  auto treePath = fromHex(path.substr(std::min<std::size_t>(1, path.size())));
  if (!words || !treePath) return;
  source.treePath = std::move(*treePath);
  if (kind == kBegun) {
    begun_[source] = number;
    return;
  }
  std::string sha256, leaves;
  Finished done{number, {}};
  done.ingested.flushed = kind == kFlushed;
  words >> sha256 >> done.ingested.mtimeNs >> leaves;
  const auto whole = fromHex(sha256);
  if (!words || !whole || whole->size() != sizeof(cid::Digest)) return;
  done.ingested.size = source.size;
  done.ingested.sha256 = digestsOf(*whole).front();
  std::optional<std::string> bytes;
  if (leaves == "-") {
    if (auto kept = base::readFile(leavesPath(number))) bytes = std::move(*kept);
  } else {
    bytes = fromHex(leaves);
  }
  if (!bytes) return;
  done.ingested.leaves = digestsOf(*bytes);
  if (done.ingested.leaves.size() != cid::leafCount(source.size)) return;
  finished_[source] = std::move(done);
}

std::optional<ResumeJournal::Finished> ResumeJournal::finished(const Source& source) const {
  const auto found = finished_.find(source);
  if (found == finished_.end()) return std::nullopt;
  const auto path = stagedPath(found->second.number);
  const auto file = base::openFile(path, O_RDONLY | O_NOFOLLOW);
  if (!file) return std::nullopt;
  const auto state = stateOf(file->get(), path);
  if (!state || !state->regular || state->size != source.size ||
      state->mtimeNs != found->second.ingested.mtimeNs) {
    return std::nullopt;
  }
  return found->second;
}

std::optional<ResumeJournal::Begun> ResumeJournal::begun(const Source& source) const {
  const auto found = begun_.find(source);
  if (found == begun_.end()) return std::nullopt;
  std::error_code failure;
  const auto copied = std::filesystem::file_size(stagedPath(found->second), failure);
  const auto leaves = base::readFile(leavesPath(found->second));
  if (failure || !leaves) return std::nullopt;
  Begun begun{found->second, digestsOf(*leaves)};
  // Whole leaves only: the last one may be shorter.
  const auto whole = std::min(copied, source.size) / cid::kLeafSize;
  begun.leaves.resize(std::min<std::uint64_t>(begun.leaves.size(), whole));
  return begun;
}

Result<void> ResumeJournal::writeLine(std::string line) {
  line += fmt::format(" {}\n", checkOf(line));
  return base::writeAll(file_.get(), asBytes(line), folder_ / "journal");
}

Result<void> ResumeJournal::recordBegin(unsigned number, const Source& source) {
  std::error_code ignored;
  std::filesystem::remove(leavesPath(number), ignored);
  return writeLine(headOf(kBegun, number, source));
}

Result<void> ResumeJournal::recordEnd(unsigned number, const Source& source,
                                      const Ingested& ingested) {
  std::string leaves = "-";
  const auto bytes = std::as_bytes(std::span(ingested.leaves));
  if (ingested.leaves.size() <= kInlineLeaves) {
    leaves = cid::hexText(bytes);
  } else {
    const auto path = leavesPath(number);
    const auto file = base::openFile(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (!file) return std::unexpected(file.error());
    if (auto written = base::writeAll(file->get(), bytes, path); !written) return written;
  }
  return writeLine(fmt::format("{} {} {} {}",
                               headOf(ingested.flushed ? kFlushed : kWhole, number, source),
                               cid::hexText(ingested.sha256), ingested.mtimeNs, leaves));
}

std::function<void(std::span<const cid::Digest>)> ResumeJournal::leafRecorder(
    unsigned number) const {
  const auto path = leavesPath(number);
  auto file = base::openFile(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (!file) return {};
  const auto shared = std::make_shared<const base::FileDescriptor>(std::move(*file));
  return [shared, path](std::span<const cid::Digest> leaves) {
    (void)base::writeAll(shared->get(), std::as_bytes(leaves), path);
  };
}

}  // namespace webpool::store
