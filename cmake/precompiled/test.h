// The same with what every test includes.
#pragma once
#include "library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
