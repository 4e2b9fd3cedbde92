// What the fake browser of the tests and the tests themselves agree on.
#pragma once

namespace webpool::functional {

/// First number of the input of a run on which it misbehaves.
inline constexpr float kMisbehaveOn = 13.0F;

}  // namespace webpool::functional
