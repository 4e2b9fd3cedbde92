#include "record/rows.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <thread>

#include "base/random.h"
#include "webpool/version.h"

namespace webpool::record {
namespace {

namespace json = boost::json;

constexpr std::size_t kIdBytes = 16;

std::string adapterJson(const AdapterInfo& adapter) {
  return json::serialize(json::object{{"vendor", adapter.vendor},
                                      {"architecture", adapter.architecture},
                                      {"device", adapter.device},
                                      {"description", adapter.description},
                                      {"software", adapter.software},
                                      {"shader_f16", adapter.shaderF16},
                                      {"max_buffer_size", adapter.maxBufferSize}});
}

void addAdapter(TableAppender& to, const std::optional<AdapterInfo>& adapter) {
  if (adapter) {
    to.text(adapter->label()).flag(adapter->software).text(adapterJson(*adapter));
  } else {
    to.null().null().null();
  }
}

void addModel(TableAppender& to, const RecordedModel& model) {
  to.text(model.name)
      .textOrNull(model.component)
      .textOrNull(model.cid)
      .textOrNull(model.task)
      .textOrNull(model.dtype);
}

/// From "connection" to "checked_by".
void addRanOn(TableAppender& to, const RanOn& ranOn) {
  to.textOrNull(ranOn.connection).textOrNull(ranOn.browser).textOrNull(ranOn.browserVersion);
  if (ranOn.connection.empty()) {
    to.null().null().null().null().null().null().null().null().null();
    return;
  }
  to.text(trustName(ranOn.trust)).text(backendName(ranOn.backend)).textOrNull(ranOn.label);
  to.flag(ranOn.isRealHardware());
  addAdapter(to, ranOn.adapter);
  to.integer(ranOn.wasmThreads).textOrNull(ranOn.checkedBy);
}

void addMemory(TableAppender& to, const RecordedMemory& memory) {
  to.integer(memory.pss).integer(memory.wasm).integer(memory.gpu);
}

void addError(TableAppender& to, const std::optional<Error>& error) {
  if (error) {
    to.text(categoryName(error->category)).text(error->message);
  } else {
    to.null().null();
  }
}

void add(TableAppender& to, const Session& session, std::uint64_t number, const RecordedRun& run) {
  to.text(session.id).integer(number);
  if (run.load == 0) {
    to.null();
  } else {
    to.integer(run.load);
  }
  to.time(run.startedAt);
  addModel(to, run.model);
  to.integer(run.items);
  addRanOn(to, run.ranOn);
  to.integer(run.tries);
  if (run.error) {
    to.null().null().null();
  } else {
    to.real(run.waitMs).real(run.timings.queueMs).real(run.timings.runMs);
  }
  to.real(run.timings.totalMs);
  addMemory(to, run.memory);
  addError(to, run.error);
  if (run.predictedMs) {
    to.real(*run.predictedMs);
  } else {
    to.null();
  }
  if (run.runItems == 0) {
    to.null();
  } else {
    to.integer(run.runItems);
  }
  to.endRow();
}

void add(TableAppender& to, const Session& session, const RecordedLoad& load) {
  to.text(session.id).integer(load.number).time(load.startedAt);
  addModel(to, load.model);
  if (load.model.cid.empty()) {
    to.null();
  } else {
    to.integer(load.model.bytes);
  }
  addRanOn(to, load.ranOn);
  const auto& timings = load.timings;
  // A model that was loaded and then found wrong has them.
  if (load.error && timings.compileMs == 0) {
    to.null().null().null().null().real(timings.totalMs).null().null();
  } else {
    to.real(timings.launchMs).real(timings.fetchMs).real(timings.compileMs);
    if (timings.warmupMs > 0) {
      to.real(timings.warmupMs);
    } else {
      to.null();
    }
    to.real(timings.totalMs).integer(timings.bytesNetwork).integer(timings.bytesCache);
  }
  addMemory(to, load.memory);
  addError(to, load.error);
  if (load.error && timings.compileMs == 0) {
    to.null();
  } else {
    to.integer(timings.bytesPeer);
  }
  to.endRow();
}

void add(TableAppender& to, const Session& session, const RecordedConnection& connection) {
  to.text(session.id)
      .time(connection.startedAt)
      .time(connection.endedAt)
      .text(connection.connection)
      .integer(connection.launch)
      .text(connection.browser)
      .textOrNull(connection.browserVersion)
      .text(trustName(connection.trust));
  addAdapter(to, connection.adapter);
  to.flag(connection.connected);
  if (connection.connected) {
    to.real(connection.launchMs);
  } else {
    to.null();
  }
  to.integer(connection.runs)
      .integer(connection.failedRuns)
      .real(connection.runMs)
      .integer(connection.peakMemory)
      .text(connection.reason)
      .textOrNull(connection.detail)
      .endRow();
}

/// All rows of that type; `each` adds one.
template <class Type, class Each>
Result<void> appendAll(Database& database, const char* table, std::span<const NumberedRow> rows,
                       Each each) {
  TableAppender appender(database, table);
  for (const auto& [number, row] : rows) {
    if (const auto* found = std::get_if<Type>(&row)) each(appender, number, *found);
  }
  return appender.finish();
}

}  // namespace

Session thisSession() {
  Session session{.id = base::randomHex(base::systemRandom(), kIdBytes),
                  .startedAt = std::chrono::system_clock::now(),
                  .pid = static_cast<std::uint64_t>(getpid()),
                  .cores = std::thread::hardware_concurrency()};
  const auto pages = sysconf(_SC_PHYS_PAGES);
  const auto size = sysconf(_SC_PAGE_SIZE);
  if (pages > 0 && size > 0) {
    session.memory = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(size);
  }
  json::object system{{"cores", session.cores}};
  if (utsname name{}; uname(&name) == 0) {
    system["system"] = name.sysname;
    system["release"] = name.release;
    system["machine"] = name.machine;
  }
  if (session.memory) system["memory_bytes"] = *session.memory;
  session.system = json::serialize(system);
  return session;
}

Result<void> append(Database& database, const Session& session) {
  TableAppender appender(database, "sessions");
  appender.text(session.id)
      .time(session.startedAt)
      .text(kVersion)
      .integer(session.pid)
      .text(session.system)
      .integer(session.cores)
      .integer(session.memory)
      .endRow();
  return appender.finish();
}

Result<void> append(Database& database, const Session& session, std::span<const NumberedRow> rows) {
  auto done = appendAll<RecordedRun>(
      database, "runs", rows,
      [&](auto& to, auto number, const auto& run) { add(to, session, number, run); });
  if (!done) return done;
  done = appendAll<RecordedLoad>(database, "loads", rows,
                                 [&](auto& to, auto, const auto& load) { add(to, session, load); });
  if (!done) return done;
  return appendAll<RecordedConnection>(
      database, "connections", rows,
      [&](auto& to, auto, const auto& connection) { add(to, session, connection); });
}

}  // namespace webpool::record
