// The comparisons, one a file. Each adds its lines to the report, and throws BenchFailure where it
// can't be measured.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>

#include "report.h"

namespace webpool::bench {

struct Settings {
  std::filesystem::path source;  ///< the root of the clone
  std::filesystem::path work;    ///< for files that are removed afterwards
  bool quick = false;            ///< fewer and shorter slices: does it run at all?
  double soakMinutes = 10;
  std::ostream* progress = nullptr;

  /// `full`, or `few` where it has to be quick.
  unsigned count(unsigned full, unsigned few) const { return quick ? few : full; }
};

/// Sentences a second through the pool ÷ the same pipeline looped inside the page.
void measurePoolTax(const Settings& settings, Report& report);

/// What the pool adds to a model whose run is short ÷ a bare round trip of 1 KiB.
void measureShortRun(const Settings& settings, Report& report);

/// Texts a second of many calls that share runs ÷ of calls with a run each.
void measureBatching(const Settings& settings, Report& report);

/// Many calls at once through two browsers ÷ one page that is asked one after another.
void measureConcurrent(const Settings& settings, Report& report);

/// Requests a second through the serving front ÷ a bare server, a bare page, and a loop in the
/// page.
void measureHttp(const Settings& settings, Report& report);

/// Tokens a second of a language model through the pool ÷ llama.cpp alone in a page, and the first
/// token ÷ the prompt alone.
void measureTranscription(const Settings& settings, Report& report);
void measureGeneration(const Settings& settings, Report& report);

/// 1 MiB to the page and back ÷ a bare server and page, and ÷ Playwright's evaluate.
void measureTensor(const Settings& settings, Report& report);

/// p50 of a call that is kept in a record ÷ of one that is not.
void measureRecord(const Settings& settings, Report& report);

/// Launch to first correct embedding ÷ launch alone and session creation alone.
void measureStart(const Settings& settings, Report& report);

/// Importing a file ÷ hashing its bytes on one core.
void measureImport(const Settings& settings, Report& report);

/// From a browser's death to calls that are as quick as before ÷ the first start; and a second
/// browser's launch ÷ the first one's.
void measureRecovery(const Settings& settings, Report& report);

/// A model's memory as estimated from its file ÷ what a browser grows by.
void measureMemory(const Settings& settings, Report& report);

/// What one of a thousand connections takes of webpool's memory.
void measureConnections(const Settings& settings, Report& report);

/// Calls without end while browsers die: latencies, recoveries, and whether memory grows.
void measureSoak(const Settings& settings, Report& report);

}  // namespace webpool::bench
