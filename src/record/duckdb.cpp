#include "record/duckdb.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
/// DuckDB is not built with it, and its deadlock detector loses count of DuckDB's locks.
extern "C" const char* __tsan_default_options() {
  return "detect_deadlocks=0";
}
#endif
#endif

namespace webpool::record::duckdb {
namespace {

constexpr const char* kName = "libduckdb.so";
constexpr const char* kHint =
    "scripts/setup fetches it; or install DuckDB, or set WEBPOOL_DUCKDB to the path of a "
    "libduckdb.so";

template <class Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

/// The name of the first function that is not there; null for none.
const char* bind(void* library, Library& to) {
#define WEBPOOL_BIND(name) \
  if (!find(library, "duckdb_" #name, to.name)) return "duckdb_" #name
  WEBPOOL_BIND(library_version);
  WEBPOOL_BIND(create_config);
  WEBPOOL_BIND(set_config);
  WEBPOOL_BIND(destroy_config);
  WEBPOOL_BIND(open_ext);
  WEBPOOL_BIND(close);
  WEBPOOL_BIND(connect);
  WEBPOOL_BIND(disconnect);
  WEBPOOL_BIND(query);
  WEBPOOL_BIND(destroy_result);
  WEBPOOL_BIND(result_error);
  WEBPOOL_BIND(column_count);
  WEBPOOL_BIND(column_name);
  WEBPOOL_BIND(fetch_chunk);
  WEBPOOL_BIND(destroy_data_chunk);
  WEBPOOL_BIND(data_chunk_get_size);
  WEBPOOL_BIND(data_chunk_get_vector);
  WEBPOOL_BIND(vector_get_data);
  WEBPOOL_BIND(vector_get_validity);
  WEBPOOL_BIND(appender_create);
  WEBPOOL_BIND(appender_error);
  WEBPOOL_BIND(append_varchar_length);
  WEBPOOL_BIND(append_double);
  WEBPOOL_BIND(append_int64);
  WEBPOOL_BIND(append_bool);
  WEBPOOL_BIND(append_timestamp);
  WEBPOOL_BIND(append_null);
  WEBPOOL_BIND(appender_end_row);
  WEBPOOL_BIND(appender_close);
  WEBPOOL_BIND(appender_destroy);
  WEBPOOL_BIND(free);
#undef WEBPOOL_BIND
  return nullptr;
}

}  // namespace

Result<std::shared_ptr<const Library>> load() {
  const char* given = std::getenv("WEBPOOL_DUCKDB");
  // A bare name is looked for in the RUNPATH of this program, then where the system has libraries.
  const char* path = given != nullptr && *given != '\0' ? given : kName;
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) {
    const char* why = dlerror();
    return fail(ErrorCategory::Unsupported,
                fmt::format("DuckDB is not there: {}", why == nullptr ? path : why), kHint);
  }
  auto bound = std::make_shared<Library>();
  if (const char* missing = bind(library, *bound)) {
    return fail(ErrorCategory::Unsupported,
                fmt::format("{} is too old or too new: it has no {}", path, missing), kHint);
  }
  return bound;
}

}  // namespace webpool::record::duckdb
