// The page's files, embedded in the program, at the paths they have in web/dist.
#pragma once

#include <cstdint>

#include "net/embedded_files.h"
#include "net/http_types.h"

namespace webpool::api {

/// Where the page's browsers are: for those of this machine compressing costs more than it saves.
enum class PageReaders : std::uint8_t { OnThisMachine, Anywhere };

/// Answers 404 for a path that is no embedded file. Readers that may be anywhere get what was
/// compressed with Brotli where they take that (browsers do over TLS). `files` must outlive the
/// server.
net::Handler pageHandler(const net::EmbeddedFiles& files, PageReaders readers);

}  // namespace webpool::api
