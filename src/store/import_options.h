// How files and folders of the disk become content.
#pragma once

namespace webpool::store {

struct ImportOptions {
  enum class Links {
    Follow,  ///< a link to a file is that file, a link to a folder is refused: for models
    Keep,    ///< a link stays a link
  };
  Links links = Links::Follow;
  bool hidden = false;  ///< take names that begin with '.' too
  /// Keep files as further names (hard links) of the given ones instead of copies. They have to lie
  /// on the store's disk; one that changes later is not served any more.
  bool hardLink = false;
  /// What an import of the same path that was killed or cancelled had copied is not copied again;
  /// and what this one leaves is kept for the next.
  bool resume = false;
};

}  // namespace webpool::store
