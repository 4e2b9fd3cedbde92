// The part of DuckDB's C interface that the record uses, found in libduckdb.so while the program
// runs: neither building webpool nor running it without a record needs DuckDB
// (docs/decisions/0009-record-in-duckdb.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "webpool/error.h"

namespace webpool::record::duckdb {

using Count = std::uint64_t;
enum State : int { Success = 0, Failure = 1 };

/// Handles are pointers of their own to the library and to us.
using Database = struct DatabaseHandle*;
using Connection = struct ConnectionHandle*;
using Config = struct ConfigHandle*;
using Appender = struct AppenderHandle*;
using DataChunk = struct DataChunkHandle*;
using Vector = struct VectorHandle*;

/// Filled in and read by the library only; its size and its way of being passed are what counts.
struct QueryResult {
  Count unused1;
  Count unused2;
  Count unused3;
  void* unused4;
  char* unused5;
  void* internal;
};

/// A text in a vector: here up to 12 bytes, else elsewhere.
struct StringCell {
  std::uint32_t length;
  char prefix[4];
  const char* rest;
};
static_assert(sizeof(StringCell) == 16);

struct Timestamp {
  std::int64_t micros;  ///< since 1970 in UTC
};

/// The functions under the names that DuckDB gives them, without "duckdb_".
struct Library {
  const char* (*library_version)();
  State (*create_config)(Config*);
  State (*set_config)(Config, const char* name, const char* value);
  void (*destroy_config)(Config*);
  State (*open_ext)(const char* path, Database*, Config, char** error);
  void (*close)(Database*);
  State (*connect)(Database, Connection*);
  void (*disconnect)(Connection*);
  State (*query)(Connection, const char* sql, QueryResult*);
  void (*destroy_result)(QueryResult*);
  const char* (*result_error)(QueryResult*);
  Count (*column_count)(QueryResult*);
  const char* (*column_name)(QueryResult*, Count column);
  DataChunk (*fetch_chunk)(QueryResult);
  void (*destroy_data_chunk)(DataChunk*);
  Count (*data_chunk_get_size)(DataChunk);
  Vector (*data_chunk_get_vector)(DataChunk, Count column);
  void* (*vector_get_data)(Vector);
  std::uint64_t* (*vector_get_validity)(Vector);
  State (*appender_create)(Connection, const char* schema, const char* table, Appender*);
  const char* (*appender_error)(Appender);
  State (*append_varchar_length)(Appender, const char* text, Count length);
  State (*append_double)(Appender, double);
  State (*append_int64)(Appender, std::int64_t);
  State (*append_bool)(Appender, bool);
  State (*append_timestamp)(Appender, Timestamp);
  State (*append_null)(Appender);
  State (*appender_end_row)(Appender);
  State (*appender_close)(Appender);
  State (*appender_destroy)(Appender*);
  void (*free)(void*);
};

/// Stays loaded until the program ends. Unsupported, with what to do, where there is none.
Result<std::shared_ptr<const Library>> load();

}  // namespace webpool::record::duckdb
