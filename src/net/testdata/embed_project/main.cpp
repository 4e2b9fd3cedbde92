#include <iostream>

#include "embedded/shown.h"

int main() {
  for (const auto& file : webpool::shown::files()) {
    std::cout << file.path << "="
              << std::string_view(reinterpret_cast<const char*>(file.bytes.data()),
                                  file.bytes.size())
              << ";";
  }
}
