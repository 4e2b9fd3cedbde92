# cmake --install puts there: the program (needs nothing of the clone), the shared library with the
# public headers, DuckDB's library where scripts/setup fetched it, and the files that find_package(webpool) reads. A program that uses the library
# needs no other package: everything behind the public headers is inside it.
if(TARGET webpool_pool)
  add_library(webpool SHARED ${PROJECT_SOURCE_DIR}/cmake/empty.cpp)
  add_library(webpool::webpool ALIAS webpool)
  # Whole: what a program calls is not known here.
  target_link_libraries(webpool PRIVATE webpool_bridge webpool_pipelines webpool_pool webpool_record webpool_base)
  set_target_properties(webpool PROPERTIES
    LINK_LIBRARY_OVERRIDE "WHOLE_ARCHIVE,webpool_bridge,webpool_pipelines,webpool_pool,webpool_record")
  target_include_directories(webpool INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(webpool INTERFACE cxx_std_23)
  target_link_options(webpool PRIVATE
    -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/webpool.map)
  set_target_properties(webpool PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0
    LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/webpool.map
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)

  # Where it finds DuckDB, which is loaded only where somebody wants a record.
  set_target_properties(webpool PROPERTIES INSTALL_RPATH "$ORIGIN/webpool")
  install(TARGETS webpool EXPORT webpoolTargets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/webpool DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(EXPORT webpoolTargets NAMESPACE webpool::
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/webpool)
  include(CMakePackageConfigHelpers)
  file(WRITE ${CMAKE_BINARY_DIR}/webpoolConfig.cmake
    "include(\"\${CMAKE_CURRENT_LIST_DIR}/webpoolTargets.cmake\")\n")
  write_basic_package_version_file(${CMAKE_BINARY_DIR}/webpoolConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/webpoolConfig.cmake ${CMAKE_BINARY_DIR}/webpoolConfigVersion.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/webpool)
endif()
if(EXISTS ${WEBPOOL_DUCKDB}/libduckdb.so)
  install(FILES ${WEBPOOL_DUCKDB}/libduckdb.so DESTINATION ${CMAKE_INSTALL_LIBDIR}/webpool)
  install(FILES ${WEBPOOL_DUCKDB}/LICENSE DESTINATION ${CMAKE_INSTALL_LIBDIR}/webpool
    RENAME libduckdb.LICENSE)
endif()
if(TARGET webpool_cli)
  file(RELATIVE_PATH from_bin_to_lib ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  set_target_properties(webpool_cli PROPERTIES INSTALL_RPATH "$ORIGIN/${from_bin_to_lib}/webpool")
  install(TARGETS webpool_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
