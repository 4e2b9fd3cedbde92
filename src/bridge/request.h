// How one call is to be answered, as keys of a JSON object beside its content. Pure.
#pragma once

#include <boost/json/object.hpp>

#include "webpool/content.h"

namespace webpool::bridge {

/// The content with the options: of a text or messages `max_tokens`, `temperature`, `top_p`,
/// `top_k`, `seed`, `stop`, `tools`, `tool_choice`, `conversation`, `raw` and `token_ids`; of a
/// sound `language` and `translate`. Unchanged where there are none. InvalidArgument names a key
/// that is none of these, one that does not fit the content, and a value that is none;
/// Unsupported as pipelines::readTools().
Result<Content> withOptions(Content content, const boost::json::object& options);

/// The other way round: the options of a request that differ from the defaults.
boost::json::object optionsOf(const Content& content);

}  // namespace webpool::bridge
