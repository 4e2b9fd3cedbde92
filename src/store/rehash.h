// Whether a file of the store still has the leaves that the index lists.
#pragma once

#include <filesystem>
#include <stop_token>

#include "store/index.h"
#include "store/ingest.h"

namespace webpool::store {

/// Updates the file's stamp accordingly. `row` with its leaves. Integrity names what is wrong.
Result<void> rehash(Index& index, const std::filesystem::path& path, const FileRow& row,
                    const IngestProgress& progress, const std::stop_token& stop);

}  // namespace webpool::store
