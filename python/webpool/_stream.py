from __future__ import annotations

import asyncio
import queue
from types import TracebackType
from typing import Any, AsyncIterator, Iterator, Mapping, Optional

from . import _webpool
from ._errors import Error
from ._twins import threads


class TextStream:
    """What a language model writes, piece by piece, each of whole characters. Iterating ends with
    the answer, and raises Error where it failed. Who leaves early calls ``close()`` or uses it in a
    ``with``: then the model stops within a token. Each piece is given once: of several threads or
    tasks that iterate over it each gets a part."""

    result: Optional[dict[str, Any]]
    """That of the call, when all was read; before: None."""

    def __init__(self, model: _webpool.Model, inputs: Any, options: Mapping[str, Any]) -> None:
        self._stop = _webpool.Stop()
        self.result = None
        # What waits for the end knows of the queue only, so that a stream nobody holds is deleted.
        pieces: queue.SimpleQueue[Optional[str]] = queue.SimpleQueue()
        self._pieces = pieces
        self._ended = False
        asked = model.request(inputs, dict(options))
        self._left = False
        self._run = threads.submit(model.run, asked, {}, self._stop, pieces.put)
        self._run.add_done_callback(lambda run: pieces.put(None))

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Ends the answer; what there is of it by then is the result. May be called again."""
        self._left = True
        self._stop.request()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            piece = None if self._ended else self._pieces.get()
        except BaseException:  # Ctrl-C
            self.close()
            raise
        if piece is None:
            self._end()
            raise StopIteration
        return piece

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        try:
            loop = asyncio.get_running_loop()
            piece = None if self._ended else await loop.run_in_executor(threads, self._pieces.get)
        except asyncio.CancelledError:
            self.close()
            raise
        if piece is None:
            self._end()
            raise StopAsyncIteration
        return piece

    def __enter__(self) -> "TextStream":
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    async def __aenter__(self) -> "TextStream":
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def _end(self) -> None:
        if self._ended:
            return
        self.result = result = self._run.result()
        self._ended = True
        self._pieces.put(None)  # for whoever else waits
        # Who left it knows that it was cancelled.
        left = self._left and result.get("error_category") == "cancelled"
        if not result["success"] and not left:
            raise Error(
                result["error"],
                result["error_category"],
                result["recovery_suggestion"],
                result["should_retry"],
            )
