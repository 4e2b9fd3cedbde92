# webpool_library(NAME [COMPILE_QUICKLY] SOURCES a.cpp … DEPS target … [TESTS a_test.cpp …]
#                 [TEST_DEPS target …] [TEST_DATA dir …])
# A static library webpool_NAME with the project's flags and include roots (include/ and src/), and
# one test program webpool_NAME_test from the x_test.cpp files that lie beside the code.
# COMPILE_QUICKLY: not optimised in a dev build, where its own code is not what takes the time.

# For a dev build: half the time of the compiler. Tests are compiled once and run once.
function(webpool_compile_quickly target)
  if(WEBPOOL_OPTIMISE_DEBUG AND NOT WEBPOOL_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
  endif()
endfunction()

function(webpool_library name)
  cmake_parse_arguments(arg "COMPILE_QUICKLY" "" "SOURCES;DEPS;TESTS;TEST_DEPS" ${ARGN})
  add_library(webpool_${name} STATIC ${arg_SOURCES})
  target_include_directories(webpool_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>)
  target_link_libraries(webpool_${name} PUBLIC ${arg_DEPS} PRIVATE $<BUILD_INTERFACE:webpool_flags>)
  set_property(GLOBAL APPEND PROPERTY WEBPOOL_LIBRARIES webpool_${name})
  if(arg_COMPILE_QUICKLY)
    webpool_compile_quickly(webpool_${name})
    webpool_precompile(webpool_${name} quick)
  else()
    webpool_precompile(webpool_${name} library)
  endif()
  if(WEBPOOL_TESTS AND arg_TESTS)
    add_executable(webpool_${name}_test ${arg_TESTS})
    target_link_libraries(webpool_${name}_test PRIVATE
      webpool_${name} ${arg_TEST_DEPS} GTest::gmock GTest::gtest_main webpool_flags)
    target_compile_definitions(webpool_${name}_test PRIVATE
      WEBPOOL_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    webpool_compile_quickly(webpool_${name}_test)
    webpool_precompile(webpool_${name}_test test)
    gtest_discover_tests(webpool_${name}_test TEST_PREFIX "${name}/" DISCOVERY_TIMEOUT 60
      PROPERTIES TIMEOUT 300 LABELS unit)
  endif()
endfunction()
