// The page's files, embedded in the program, at the paths they have in web/dist.
#pragma once

#include "net/embedded_files.h"
#include "net/http_types.h"

namespace webpool::api {

/// Answers 404 for a path that is no embedded file. `files` must outlive the server.
net::Handler pageHandler(const net::EmbeddedFiles& files);

}  // namespace webpool::api
