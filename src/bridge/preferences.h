// What a caller of the bridge prefers, as options of the pool. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/model.h"
#include "webpool/options.h"

namespace webpool::bridge {

/// "webgpu", "webnn", "cpu" (or "wasm"), "auto" or nothing at all: Auto alone. InvalidArgument for
/// another word.
Result<std::vector<Backend>> backendsOf(std::span<const std::string> priorityList);

/// "cpu" for Wasm, else backendName().
std::string_view platformName(Backend backend);

/// The installed browsers that may stand for the one asked for, itself first; all of them for "".
/// BrowserNotFound where none of the family is there, InvalidArgument for an unknown name.
Result<std::vector<std::string>> browsersFor(std::string_view asked,
                                             std::span<const std::string> installed);

/// The task that a model of the type is loaded for, where its own is `own`: its own, or "" where it
/// is none of the type's. "tensors" belongs to each.
std::string_view taskFor(std::string_view type, std::string_view own);

/// The task of the type that a graph can be tried for which names none itself; "" where there is
/// none, or where the graph's inputs are not that task's.
std::string_view taskOfGraphs(std::string_view type, const ModelDescription& graph);

/// The type to which models of the task belong; "text" for one that is none's.
std::string_view typeOf(std::string_view task);

/// "text, text_embedding, …"
std::string typeNames();
bool isType(std::string_view name);

}  // namespace webpool::bridge
