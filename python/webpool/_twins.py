"""Awaitable twins of blocking calls: each runs on a thread of its own pool of threads, and a
cancelled await stops the call in the browser."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import Callable, TypeVar

from . import _webpool

_Answer = TypeVar("_Answer")

# Its threads only wait for browsers.
threads = concurrent.futures.ThreadPoolExecutor(max_workers=64, thread_name_prefix="webpool")


async def twin(call: Callable[[_webpool.Stop], _Answer]) -> _Answer:
    stop = _webpool.Stop()
    try:
        return await asyncio.get_running_loop().run_in_executor(threads, call, stop)
    except asyncio.CancelledError:
        stop.request()
        raise
