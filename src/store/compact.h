// Packs of which most is dead are written anew without it.
#pragma once

#include "store/packs.h"

namespace webpool::store {

/// Leaves packs alone that somebody writes. Crash-safe: a block lies in one pack or in the other.
Result<void> compactPacks(Packs& packs, Index& writer);

}  // namespace webpool::store
