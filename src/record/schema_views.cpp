#include "record/schema_views.h"

#include <fmt/format.h>

#include <string_view>

namespace webpool::record {
namespace {

// What several views say of a row r.

constexpr std::string_view kModelType = R"(CASE
    WHEN r.task = 'text-embedding' THEN 'text_embedding'
    WHEN r.task = 'text-generation' THEN 'text_generation'
    WHEN r.task IN ('text-classification', 'token-classification', 'fill-mask',
      'feature-extraction', 'file-type-detection') THEN 'text'
    WHEN r.task LIKE 'image-%' OR r.task LIKE 'optical-%' THEN 'vision'
    WHEN r.task LIKE '%-speech-%' OR r.task LIKE 'voice-%' THEN 'audio'
    WHEN r.task LIKE 'multimodal-%' OR r.task = 'text-projection' THEN 'multimodal' END)";

constexpr std::string_view kPlatform = "CASE r.ran_on WHEN 'wasm' THEN 'cpu' ELSE r.ran_on END";

constexpr std::string_view kPrecision = R"(CASE
    WHEN r.dtype = 'fp32' THEN 32 WHEN r.dtype = 'fp16' THEN 16
    WHEN r.dtype IN ('q8', 'int8', 'uint8', 'q8_0') THEN 8
    WHEN r.dtype LIKE 'q4%' OR r.dtype = 'bnb4' THEN 4 END)";

struct Template {
  const char* name;
  const char* sql;
};

constexpr Template kViews[] = {
    {"webnn_webgpu_results", R"(
SELECT r.rowid AS id, r.started_at AS timestamp, r.model AS model_name,
  {model_type} AS model_type,
  {platform} AS platform,
  r.browser, TRUE AS is_real_implementation, r.hardware AS is_real_hardware,
  {precision} AS precision,
  r.dtype = 'q4f16' AS mixed_precision,
  l.load_id IS NOT NULL AS ipfs_accelerated,
  l.bytes_network = 0 AND {l_peer} = 0 AND l.bytes_cache > 0 AS ipfs_cache_hit,
  FALSE AS compute_shader_optimized, FALSE AS precompile_shaders, FALSE AS parallel_loading,
  r.total_ms AS latency_ms,
  CASE WHEN r.error IS NULL AND r.total_ms > 0 THEN r.items * 1000.0 / r.total_ms END
    AS throughput_items_per_sec,
  r.memory_bytes / 1e6 AS memory_usage_mb,
  r.adapter_info, s.system AS system_info,
  concat('{{"tries":', r.tries, ',"wait_ms":', coalesce(CAST(r.wait_ms AS VARCHAR), 'null'),
    ',"queue_ms":', coalesce(CAST(r.queue_ms AS VARCHAR), 'null'),
    ',"run_ms":', coalesce(CAST(r.run_ms AS VARCHAR), 'null'), '}}') AS details,
  r.error IS NULL AS success, r.error AS error_category, r.error_message AS error,
  r.cid, r.dtype, r.items, r.browser_version, r.run_ms AS inference_time_ms,
  r.session_id, r.run_id
FROM webpool.runs r
LEFT JOIN webpool.loads l ON l.session_id = r.session_id AND l.load_id = r.load_id
LEFT JOIN webpool.sessions s ON s.session_id = r.session_id)"},

    {"resource_pool_test_results", R"(
SELECT s.rowid AS id, s.started_at AS timestamp,
  count(r.run_id) AS total_tests,
  count(r.run_id) FILTER (WHERE r.error IS NULL) AS successful_tests,
  count(r.run_id) FILTER (WHERE l.load_id IS NOT NULL) AS ipfs_accelerated_count,
  count(r.run_id) FILTER (WHERE l.bytes_network = 0 AND {l_peer} = 0 AND l.bytes_cache > 0)
    AS ipfs_cache_hits,
  count(r.run_id) AS real_implementations,
  coalesce(epoch(max(r.started_at + to_microseconds(CAST(r.total_ms * 1000 AS BIGINT)))
    - min(r.started_at)), 0) AS test_duration_seconds,
  concat('{{"errors":', count(r.error), ',"items":', coalesce(sum(r.items), 0), '}}') AS summary,
  s.system AS system_info, s.session_id
FROM webpool.sessions s
LEFT JOIN webpool.runs r ON r.session_id = s.session_id
LEFT JOIN webpool.loads l ON l.session_id = r.session_id AND l.load_id = r.load_id
GROUP BY s.rowid, s.started_at, s.system, s.session_id)"},

    {"browser_connection_metrics", R"(
SELECT c.rowid AS id, c.started_at AS timestamp, c.browser AS browser_name,
  CASE WHEN c.adapter IS NULL THEN 'cpu' ELSE 'webgpu' END AS platform,
  c.connection || '/' || c.launch AS connection_id,
  epoch(c.ended_at - c.started_at) AS connection_duration_sec,
  c.runs AS models_executed, c.run_ms / 1000 AS total_inference_time_sec,
  c.failed_runs AS error_count, c.connected AS connection_success,
  CASE WHEN c.reason = 'heartbeat_lost' THEN 1 ELSE 0 END AS heartbeat_failures,
  c.browser_version, c.adapter_info,
  concat('{{"webgpu":', c.adapter IS NOT NULL, '}}') AS backend_info,
  c.launch_ms AS startup_time_ms, c.peak_memory_bytes / 1e6 AS memory_usage_mb,
  c.reason, c.detail, c.session_id
FROM webpool.connections c)"},

    {"ipfs_acceleration_results", R"(
SELECT r.rowid AS id, r.started_at AS timestamp, r.model AS model_name,
  {model_type} AS model_type, r.cid,
  {platform} AS platform,
  r.browser, r.hardware AS is_real_hardware,
  {precision} AS precision,
  r.dtype = 'q4f16' AS mixed_precision,
  r.bytes_network = 0 AND {r_peer} = 0 AND r.bytes_cache > 0 AS ipfs_cache_hit,
  CASE WHEN r.error IS NOT NULL THEN NULL
       WHEN r.bytes_network = 0 AND {r_peer} = 0 AND r.bytes_cache > 0 THEN 'cache'
       WHEN {r_peer} > r.bytes_network THEN 'peer' ELSE 'origin' END AS ipfs_source,
  r.fetch_ms AS ipfs_load_time, r.fetch_ms AS transfer_time_ms,
  r.total_ms AS load_time_ms, r.total_ms AS total_time_ms,
  {r_peer} > 0 AS p2p_optimized,
  r.bytes_network, r.bytes_cache,{peer_column} r.memory_bytes / 1e6 AS memory_usage_mb,
  r.adapter_info, s.system AS system_info,
  r.error IS NULL AS success, r.error AS error_category, r.error_message AS error_message,
  r.session_id, r.load_id
FROM webpool.loads r
LEFT JOIN webpool.sessions s ON s.session_id = r.session_id)"},
};

}  // namespace

std::vector<View> views(ViewVersion version) {
  const bool peers = version == ViewVersion::WithPeers;
  std::vector<View> all;
  for (const auto& view : kViews) {
    all.push_back(
        {view.name, fmt::format(fmt::runtime(view.sql), fmt::arg("model_type", kModelType),
                                fmt::arg("platform", kPlatform), fmt::arg("precision", kPrecision),
                                fmt::arg("l_peer", peers ? "coalesce(l.bytes_peer, 0)" : "0"),
                                fmt::arg("r_peer", peers ? "coalesce(r.bytes_peer, 0)" : "0"),
                                fmt::arg("peer_column", peers ? " r.bytes_peer," : ""))});
  }
  return all;
}

}  // namespace webpool::record
