// Results as a person reads them and as a program reads them (JSON).
#pragma once

#include <boost/json/value.hpp>
#include <span>
#include <string>
#include <vector>

#include "webpool/error.h"
#include "webpool/model.h"
#include "webpool/result.h"

namespace webpool::cli {

/// "wasm, chromium 156.0, q4, 1 thread" or "webgpu on SwiftShader (software), chromium 156.0,
/// fp32".
std::string ranOnText(const RanOn& ranOn);

boost::json::object toJson(const RanOn& ranOn);
boost::json::object toJson(const LoadTimings& timings);
boost::json::object toJson(const RunTimings& timings);
boost::json::object toJson(const AdapterInfo& adapter);
boost::json::object toJson(const Error& error);

/// Cosines of all pairs as a table whose rows are labelled with the (shortened) texts.
std::string similarityTable(std::span<const std::string> texts,
                            std::span<const std::vector<float>> vectors);

}  // namespace webpool::cli
