// How one call is to be answered, as keys of a JSON object beside its content.
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "webpool/content.h"

namespace webpool::bridge {

/// The content with the options: of a text or messages `max_tokens`, `temperature`, `top_p`,
/// `top_k`, `seed`, `stop`, `tools`, `tool_choice`, `conversation`, `raw` and `token_ids`; of a
/// sound `language` and `translate`. Unchanged where there are none. With options of a text the
/// content may be a file of text. InvalidArgument names a key that is none of these, one that does
/// not fit the content, and a value that is none; Unsupported as pipelines::readTools(); the errors
/// of textOfFile().
Result<Content> withOptions(Content content, const boost::json::object& options);

/// It is one of those that withOptions() knows.
bool isOption(std::string_view name);

/// Models of this task take texts, so that a file is one that holds a text.
bool takesTexts(std::string_view task);
/// NotFound or Storage; InvalidInput for what is no UTF-8, or more than 256 MiB.
Result<std::string> textOfFile(const std::filesystem::path& path);

/// What an answer in JSON says, where it comes whole: a text, or the `text` of an object. Nothing
/// where it has none.
std::optional<std::string> wholeText(std::string_view output);

/// The other way round: the options of a request that differ from the defaults.
boost::json::object optionsOf(const Content& content);

}  // namespace webpool::bridge
