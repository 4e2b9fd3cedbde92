// `webpool content export` and `import`.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "base/file.h"
#include "cid/resolve_path.h"
#include "cli/content_flags.h"
#include "cli/exit_code.h"
#include "store/car_file.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;

class StoredBlocks final : public cid::Blocks {
 public:
  explicit StoredBlocks(const store::ContentStore& store) : store_(store) {}
  Result<Bytes> get(const cid::Cid& cid) override {
    const auto found = store_.block(cid);
    if (!found) return std::unexpected(found.error());
    return store::readContent(found->content);
  }

 private:
  const store::ContentStore& store_;
};

/// Through sharded folders and values, too: a CAR holds any kind of block.
Result<cid::Cid> findRoot(const store::ContentStore& store, const ContentAddress& address) {
  StoredBlocks blocks(store);
  auto resolved = cid::resolvePath(blocks, address.root, address.path);
  if (!resolved) return std::unexpected(resolved.error());
  if (resolved->rest.empty()) return std::move(resolved->cid);
  return fail(
      ErrorCategory::InvalidArgument,
      fmt::format("'{}' ends inside the value {}", shownName(address.path), resolved->cid.text()),
      "export the value's own CID");
}

cid::DagScope scopeOf(const std::string& name) {
  if (name == "block") return cid::DagScope::Block;
  return name == "entity" ? cid::DagScope::Entity : cid::DagScope::All;
}

int printCar(const store::ContentStore& store, const cid::Cid& root, const ContentFlags& flags,
             LateProgress& progress) {
  if (::isatty(STDOUT_FILENO) != 0) {
    return reportError({ErrorCategory::InvalidArgument, "a CAR is nothing for a terminal",
                        "give a file with -o, or redirect standard output"});
  }
  if (std::fflush(stdout) != 0) {
    return reportError({ErrorCategory::Storage, "can't write standard output", ""});
  }
  const auto written = store::writeCar(store, root, scopeOf(flags.scope), STDOUT_FILENO,
                                       "standard output", progress.job("export", root.text()));
  progress.clear();
  return written ? 0 : reportError(written.error());
}

/// Standard input for "-".
Result<base::FileDescriptor> openCar(const std::string& path) {
  if (path != "-") {
    std::error_code none;
    const auto status = std::filesystem::status(path, none);
    if (std::filesystem::is_directory(status) || std::filesystem::is_socket(status)) {
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("{} is a {} and no CAR", shownName(path),
                              std::filesystem::is_socket(status) ? "socket" : "folder"),
                  "give a file, a pipe, or - for standard input");
    }
    // O_NONBLOCK: a pipe that nobody writes to is waited for where the wait can be ended.
    return base::openFile(path, O_RDONLY | O_NONBLOCK);
  }
  const int copy = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
  if (copy >= 0) return base::FileDescriptor(copy);
  return std::unexpected(base::fileError("can't read", "standard input", errno));
}

json::object readJson(const std::string& path, const store::CarRead& read, bool pinned) {
  json::array roots;
  for (const auto& root : read.roots) roots.push_back(json::string(root.text()));
  json::object object;
  putName(object, "path", path);
  object["roots"] = std::move(roots);
  object["blocks"] = read.blocks;
  object["bytes"] = read.bytes;
  object["passed_over"] = read.passedOver;
  object["pinned"] = pinned;
  return object;
}

void printRead(const std::string& path, const store::CarRead& read, bool quiet) {
  for (const auto& root : read.roots) {
    std::printf("%s  %s\n", root.text().c_str(), shownName(path).c_str());
  }
  if (quiet) return;
  std::fprintf(stderr, "%s: %llu blocks, %s\n", shownName(path).c_str(),
               static_cast<unsigned long long>(read.blocks), bytesText(read.bytes).c_str());
  if (read.passedOver > 0) {
    std::fprintf(stderr, "note: %llu blocks have a foreign codec or hash function: left out\n",
                 static_cast<unsigned long long>(read.passedOver));
  }
}

}  // namespace

int exportContent(const Context& context, const ContentFlags& flags) {
  auto store = openContent(context);
  if (!store) return reportError(store.error());
  const auto address = parseContentAddress(**store, flags.arguments.front());
  if (!address) return reportError(address.error());
  const auto root = findRoot(**store, *address);
  if (!root) return reportError(root.error());
  LateProgress progress(context);
  if (flags.output == "-") return printCar(**store, *root, flags, progress);
  const auto target = flags.output.empty() ? defaultName(*address, *root) + ".car" : flags.output;
  const auto written = store::exportCar(**store, *root, scopeOf(flags.scope), target,
                                        progress.job("export", target));
  progress.clear();
  if (!written) return reportError(written.error());
  if (flags.json) {
    json::object object;
    putName(object, "path", target);
    object["cid"] = root->text();
    object["blocks"] = written->blocks;
    object["bytes"] = written->bytes;
    std::printf("%s\n", json::serialize(object).c_str());
  } else {
    std::printf("%s  %s  %s\n", root->text().c_str(), bytesText(written->bytes).c_str(),
                shownName(target).c_str());
  }
  return 0;
}

int importContent(const Context& context, const ContentFlags& flags) {
  if (!flags.name.empty() && flags.arguments.size() > 1) {
    return reportError({ErrorCategory::InvalidArgument, "one name is given for several CARs",
                        "import them one by one, or use --pin"});
  }
  auto store = openContent(context);
  if (!store) return reportError(store.error());
  const bool pinned = flags.pin || !flags.name.empty();
  const store::CarImport how{
      .pin = flags.pin, .name = flags.name, .skipForeign = flags.skipForeign};
  LateProgress progress(context);
  json::array imported;
  int code = 0;
  for (const auto& path : flags.arguments) {
    const auto file = openCar(path);
    const std::string name = path == "-" ? "standard input" : path;
    const auto read =
        file ? store::importCar(**store, file->get(), name, how, progress.job("import", name))
             : Result<store::CarRead>(std::unexpected(file.error()));
    progress.clear();
    if (!read) {
      code = reportError(read.error());
      break;
    }
    if (flags.json) {
      imported.push_back(readJson(path, *read, pinned));
    } else {
      printRead(path, *read, context.quiet);
    }
  }
  // What was taken before an error is here, and is told.
  if (flags.json && (code == 0 || !imported.empty())) {
    std::printf("%s\n", json::serialize(json::object{{"imported", std::move(imported)}}).c_str());
  }
  if (code == 0 && !pinned && !context.quiet) {
    std::fprintf(stderr,
                 "note: nothing of it is pinned, so that the next gc frees it: --pin keeps it, "
                 "and `webpool content pin add`\n");
  }
  return code;
}

}  // namespace webpool::cli
