# Compiler flags, sanitizers, the linker and the compiler cache, for every target of webpool.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  message(WARNING "webpool is built and tested with clang-19; g++ 12 destroys coroutine temporaries twice")
endif()

find_program(WEBPOOL_CCACHE ccache)
if(WEBPOOL_CCACHE)
  # Whatever the build folder is called: the wheel's takes what the tests' has compiled, the path of
  # the precompiled header in the command line included (the base folder). The sloppiness is what
  # ccache asks for with precompiled headers; nothing here uses __TIME__.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
    CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros ${WEBPOOL_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()

find_program(WEBPOOL_MOLD mold)
if(WEBPOOL_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(webpool_flags INTERFACE)
target_compile_options(webpool_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor
    -Woverloaded-virtual -Wimplicit-fallthrough -Wextra-semi -Wunused>)

if(WEBPOOL_OPTIMISE_DEBUG)
  add_compile_options(-Og -g1)
endif()
if(WEBPOOL_SANITIZE)
  add_compile_options(-fsanitize=${WEBPOOL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${WEBPOOL_SANITIZE})
endif()
if(WEBPOOL_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
