// A conversation as the page takes it, and what it says of its answer (docs/protocol.md,
// "text-generation"). Pure.
#pragma once

#include <boost/json/object.hpp>
#include <string_view>
#include <vector>

#include "webpool/generation.h"

namespace webpool::tasks {

/// BYTES [n], named "messages": each message as JSON. InvalidArgument for none or a role that is
/// none, InvalidInput for what is not UTF-8.
Result<Tensor> messagesTensor(const std::vector<Message>& messages);

/// The run's parameters. InvalidArgument where one makes no sense; InvalidInput for a tool that is
/// none, and where one is to be called and there is none.
Result<boost::json::object> chatParameters(const GenerationOptions& options);

/// Fills in what the answer's outputs and details say. Protocol where they don't fit.
Result<void> readAnswer(const Inference& inference, Generation& generation);

/// The conversation can't fit into that many tokens, whatever they are: each stands for at most
/// `longestToken` bytes. InvalidInput.
Result<void> checkLength(const std::vector<Message>& messages, const LanguageInfo& language);

}  // namespace webpool::tasks
