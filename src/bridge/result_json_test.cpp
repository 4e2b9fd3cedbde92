#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "webpool/accelerate.h"

namespace webpool {
namespace {

namespace json = boost::json;

json::object parsed(const std::string& text) {
  return json::parse(text).as_object();
}

TEST(ResultJson, SaysWhatWasAskedForAndWhatRan) {
  WebModelResult result;
  result.success = true;
  result.modelId = "vision:m";
  result.output = R"({"lines": []})";
  result.asked = {.priorityList = {"webgpu", "cpu"}, .browser = "edge", .contextLength = 256};
  result.ran = {.browser = "chromium", .backend = Backend::Wasm, .label = "wasm", .dtype = "q4"};
  result.ipfsSource = "peer";
  result.bytesPool = 2;
  result.bytesPeer = 3;
  const auto object = parsed(result.toJson());
  EXPECT_EQ(object.at("platform"), "cpu");
  EXPECT_EQ(object.at("browser"), "chromium");
  EXPECT_EQ(object.at("requested").at("browser"), "edge");
  EXPECT_EQ(object.at("requested").at("context_length"), 256);
  EXPECT_EQ(object.at("precision"), 4);
  EXPECT_EQ(object.at("is_real_hardware"), false);
  EXPECT_EQ(object.at("compute_shader_optimized"), false);
  EXPECT_EQ(object.at("ipfs_source"), "peer");
  EXPECT_EQ(object.at("ipfs_cache_hit"), false);
  EXPECT_EQ(object.at("p2p_optimized"), true);
  EXPECT_EQ(object.at("bytes_by_source"), json::parse(R"({"opfs": 0, "pool": 2, "peer": 3})"));
  EXPECT_TRUE(object.at("performance_metrics").at("memory_usage_mb").is_null()) << "not measured";
  EXPECT_TRUE(object.at("output").at("lines").is_array());
  EXPECT_FALSE(object.contains("error"));
}

TEST(ResultJson, ATextThatWasCutIsTold) {
  AccelerateResult whole;
  EXPECT_FALSE(parsed(whole.toJson()).contains("truncated"));
  whole.result.truncated = {false, true};
  EXPECT_EQ(parsed(whole.toJson()).at("truncated"), (json::array{false, true}));
  EXPECT_EQ(parsed(whole.result.toJson()).at("truncated"), (json::array{false, true}));
}

TEST(ResultJson, AnEarlierAnswerIsTold) {
  AccelerateResult whole;
  EXPECT_FALSE(parsed(whole.toJson()).contains("cached"));
  whole.result.metrics.cached = true;
  EXPECT_EQ(parsed(whole.toJson()).at("cached"), true);
  EXPECT_EQ(parsed(whole.result.toJson()).at("cached"), true);
}

TEST(ResultJson, AFailureHasItsCategoryAndTheNextStep) {
  AccelerateResult whole;
  whole.result.error = Error{ErrorCategory::Timeout, "too late", "wait longer"};
  const auto object = parsed(whole.toJson());
  EXPECT_EQ(object.at("status"), "error");
  EXPECT_EQ(object.at("error"), "too late");
  EXPECT_EQ(object.at("error_category"), "timeout");
  EXPECT_EQ(object.at("recovery_suggestion"), "wait longer");
  whole.result.error->hint.clear();
  EXPECT_EQ(parsed(whole.toJson()).at("recovery_suggestion"), "try again, or allow more time");
  EXPECT_TRUE(object.at("output").is_null());
  EXPECT_TRUE(object.at("platform").is_null()) << "nothing ran";
  EXPECT_TRUE(object.at("ipfs_source").is_null());
  EXPECT_EQ(object.at("p2p_optimized"), false);
}

TEST(ResultJson, WhatRanNowhereNamesNoPlatform) {
  WebModelResult silence;
  silence.success = true;
  silence.output = R"({"text": ""})";
  EXPECT_EQ(silence.platform(), "");
  auto object = parsed(silence.toJson());
  for (const auto* key : {"platform", "hardware", "browser", "adapter_info", "precision"}) {
    EXPECT_TRUE(object.at(key).is_null()) << key;
  }
  EXPECT_EQ(object.at("dtype"), "");
  EXPECT_EQ(object.at("is_real_hardware"), false);
  WebModelResult refused;
  refused.ownBackend = OwnBackend{"native", true};
  refused.error = Error{ErrorCategory::InvalidInput, "no", ""};
  object = parsed(refused.toJson());
  EXPECT_TRUE(object.at("platform").is_null());
  EXPECT_EQ(object.at("is_real_hardware"), false);
}

TEST(ResultJson, StatsSayHowItStandsWithTheRecord) {
  ExecutionStats stats;
  EXPECT_TRUE(parsed(stats.toJson()).at("record").is_null());
  stats.record = RecordStats{.file = "/a/b.duckdb", .counts = {.written = 3, .waiting = 2}};
  auto record = parsed(stats.toJson()).at("record").as_object();
  EXPECT_EQ(record.at("file"), "/a/b.duckdb");
  EXPECT_EQ(record.at("stored"), true);
  EXPECT_EQ(record.at("rows_written"), 3);
  EXPECT_TRUE(record.at("trouble").is_null());
  stats.record->trouble = Error{ErrorCategory::Storage, "it is a folder", "give a file"};
  record = parsed(stats.toJson()).at("record").as_object();
  EXPECT_EQ(record.at("stored"), false);
  EXPECT_EQ(record.at("trouble"), "it is a folder (give a file)");
}

TEST(ResultJson, TheTimeOfTheBytesIsNotThatOfTheLaunchOrTheCall) {
  AccelerateResult whole;
  whole.result.load = {.launchMs = 4000, .fetchMs = 500, .compileMs = 250, .warmupMs = 125};
  whole.loadMs = 8000;
  const auto object = parsed(whole.toJson());
  EXPECT_EQ(object.at("ipfs_load_time").to_number<double>(), 0.5);
  EXPECT_EQ(object.at("launch_time").to_number<double>(), 4);
  EXPECT_EQ(object.at("compile_time").to_number<double>(), 0.25);
  EXPECT_EQ(object.at("warmup_time").to_number<double>(), 0.125);
  EXPECT_EQ(object.at("load_time").to_number<double>(), 8);
}

TEST(ResultJson, StatsUnderTheirKnownNames) {
  ExecutionStats stats;
  stats.modelExecutionTimesMs["text:m"] = {10, 30};
  ConnectionStats connection;
  connection.browser = "chromium";
  connection.pid = 7;
  connection.launches = 2;
  stats.connections.push_back(connection);
  stats.waitingPeak = 4;
  stats.connectionPeak = 3;
  stats.connectionMs = 1000;
  stats.connectionBusyMs = 500;
  stats.platformBusyMs["cpu"] = 250;
  const auto object = parsed(stats.toJson());
  EXPECT_EQ(object.at("avg_execution_times").at("text:m").to_number<double>(), 20);
  EXPECT_EQ(object.at("bridge_stats").at("created_connections"), 2);
  EXPECT_EQ(object.at("bridge_stats").at("peak_connections"), 3);
  EXPECT_EQ(object.at("queue_peak"), 4);
  EXPECT_EQ(object.at("current_queue_size"), 0);
  const auto& resources = object.at("resource_metrics");
  EXPECT_EQ(resources.at("connection_util").to_number<double>(), 0.5);
  EXPECT_EQ(resources.at("cpu_util").to_number<double>(), 0.25);
  EXPECT_EQ(resources.at("webgpu_util").to_number<double>(), 0);
  EXPECT_EQ(object.at("bridge_stats").at("connection_counts").at("chromium"), 1);
}

}  // namespace
}  // namespace webpool
