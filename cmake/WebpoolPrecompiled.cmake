# webpool_precompile(TARGET library|quick|test): TARGET starts from the precompiled header of that
# name, where WEBPOOL_PRECOMPILED is on: less than half the time of the compiler.
#   library  optimised as the build is   (precompiled/library.h)
#   quick    webpool_compile_quickly     (precompiled/library.h)
#   test     a program with GoogleTest   (precompiled/test.h)
#
# Not target_precompile_headers: its header lies in the build folder, whose path then is in every
# object's hash, and the compiler cache would serve no second build folder (the wheel's, a clone's).
# Here the same flags give the same bytes wherever the build folder is.

function(webpool_precompiled_header kind header)
  set(target webpool_precompiled_${kind})
  add_library(${target} OBJECT ${header})
  set_source_files_properties(${header} PROPERTIES LANGUAGE CXX)
  target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp" "SHELL:-x c++-header")
  target_link_libraries(${target} PRIVATE fmt::fmt webpool_flags ${ARGN})
  # A target of its own: who depends on an object library does not wait for its objects.
  add_custom_target(${target}_made DEPENDS $<TARGET_OBJECTS:${target}>)
endfunction()

function(webpool_precompile target kind)
  if(WEBPOOL_PRECOMPILED)
    add_dependencies(${target} webpool_precompiled_${kind}_made)
    target_compile_options(${target} PRIVATE
      "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-include-pch $<TARGET_OBJECTS:webpool_precompiled_${kind}>>")
  endif()
endfunction()

if(WEBPOOL_PRECOMPILED)
  set(folder ${CMAKE_CURRENT_LIST_DIR}/precompiled)
  webpool_precompiled_header(library ${folder}/library.h)
  webpool_precompiled_header(quick ${folder}/library.h)
  webpool_compile_quickly(webpool_precompiled_quick)
  if(WEBPOOL_TESTS)
    webpool_precompiled_header(test ${folder}/test.h GTest::gmock)
    webpool_compile_quickly(webpool_precompiled_test)
    # As a program is compiled, not a library.
    set_target_properties(webpool_precompiled_test PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(webpool_precompiled_test PRIVATE -fPIE)
  endif()
endif()
