// The subcommands of `webpool content`, and what they share.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/app.h"
#include "cli/scrub_flags.h"
#include "cli/terminal.h"
#include "sources/content_fetch.h"
#include "store/content_store.h"
#include "store/hold.h"

namespace webpool::cli {

struct ContentFlags {
  std::vector<std::string> arguments;  ///< paths, or addresses of content
  std::string output;
  std::string name;
  std::string scope = "all";  ///< of a CAR: "block", "entity" or "all"
  bool pin = false;
  bool skipForeign = false;
  bool dryRun = false;
  bool link = false;
  bool hidden = false;
  bool follow = false;
  bool recursive = false;
  bool unfinished = false;
  SourceFlags sources;
  bool offline = false;
  std::string listen = "127.0.0.1";
  std::vector<std::string> names;  ///< under which clients call the gateway
  bool sameOrigin = false;
  ScrubFlags scrub;
  bool json = false;
};

Result<std::unique_ptr<store::ContentStore>> openContent(const Context& context);

/// A CID and a path below it: "CID", "CID/a/b", "ipfs://CID/a", "/ipfs/CID/a"; or "sha256:HEX", the
/// whole-file SHA-256 of a file that is kept here.
struct ContentAddress {
  cid::Cid root;
  std::string path;
};
Result<ContentAddress> parseContentAddress(const store::ContentStore& store, std::string_view text);
/// Under which it is written where no other name is given: the last of the address, else the CID.
std::string defaultName(const ContentAddress& address, const cid::Cid& cid);
/// The CID that it leads to.
Result<cid::Cid> findContent(const store::ContentStore& store, std::string_view text);

/// A name as it can be shown: control characters and what is no UTF-8 as \xNN.
std::string shownName(std::string_view name);

/// The name for a program, as it is: object[key]. JSON holds no other text than UTF-8: such a name
/// is there as shownName() has it, and object[key + "_base64"] is its bytes.
void putName(boost::json::object& object, std::string_view key, std::string_view name);

/// Progress on stderr, once the work has taken a second.
class LateProgress {
 public:
  explicit LateProgress(const Context& context) : stop_(context.stop), line_(context.quiet) {}

  /// For one piece of work; this must outlive it.
  store::JobOptions job(std::string step, std::string detail);
  void clear() { line_.clear(); }

 private:
  std::stop_token stop_;
  ProgressLine line_;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

/// Brings what is not here, or damaged, out of the sources of the settings; kept by `hold`.
Result<sources::Fetched> fetchMissing(const Context& context, store::ContentStore& store,
                                      const ContentAddress& address, const ContentFlags& flags,
                                      store::Hold& hold);
/// The object with "sources" (name: bytes) and "lied" (names).
boost::json::object withSources(boost::json::object object, const sources::Fetched& fetched);

int fetchContent(const Context& context, const ContentFlags& flags);
int addContent(const Context& context, const ContentFlags& flags);
int getContent(const Context& context, const ContentFlags& flags);
int exportContent(const Context& context, const ContentFlags& flags);
int importContent(const Context& context, const ContentFlags& flags);
int listContent(const Context& context, const ContentFlags& flags);
int serveContent(const Context& context, const ContentFlags& flags);
int statContent(const Context& context, const ContentFlags& flags);
int verifyContent(const Context& context, const ContentFlags& flags);
int collectContent(const Context& context, const ContentFlags& flags);
int pinContent(const Context& context, const ContentFlags& flags);
int listPins(const Context& context, const ContentFlags& flags);
int unpinContent(const Context& context, const ContentFlags& flags);

}  // namespace webpool::cli
