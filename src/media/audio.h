// Sound files as what models of speech take: one channel of samples at a rate of the model's.
#pragma once

#include <cstddef>
#include <span>

#include "webpool/speech.h"

namespace webpool::media {

using Audio = Sound;

struct AudioLimits {
  double longest = 4 * 60 * 60;  ///< seconds
};

/// WAV, FLAC, OGG (Vorbis, Opus) or MP3, as its bytes say, mixed to one channel and resampled.
/// A file whose header lies about its length gives the samples that are there.
/// InvalidInput: no sound file that is known, none of its samples can be read, it is too long, or
/// it holds samples that are no numbers. Decoding is libsndfile's, resampling soxr's.
Result<Audio> decodeAudio(std::span<const std::byte> file, unsigned rate,
                          const AudioLimits& limits = {});

/// Samples that a program has, at another rate; of the same rate they are left as they are.
/// InvalidInput: none at all, a rate that no sound has, too long, or samples that are no numbers.
Result<Audio> resampled(Audio audio, unsigned rate, const AudioLimits& limits = {});

}  // namespace webpool::media
