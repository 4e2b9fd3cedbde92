// The dtypes that a model may be loaded in, where the caller named none: which are here, what is
// known of them, and which is loaded (dtype_choice.h).
#pragma once

#include <memory>
#include <vector>

#include "pool/engine.h"
#include "pool/model_source.h"

namespace webpool::pool {

struct InDtype {
  std::shared_ptr<const ResolvedModel> model;
  bool measured = false;
};

/// The caller named neither a dtype nor a precision.
bool leavesDtypeOpen(const ModelOptions& options);

/// The model in the dtypes that are here, the one to load first at the front; only `usual`, which
/// is what a caller who says nothing gets, where the caller said which or where it is the only one.
/// May block: files are read, and nothing is fetched.
std::vector<InDtype> inDtypes(Engine& engine, ResolvedModel usual, const ModelOptions& options);

/// Those that nothing is known of, besides the front.
std::vector<std::shared_ptr<const ResolvedModel>> untriedOf(const std::vector<InDtype>& all);

}  // namespace webpool::pool
