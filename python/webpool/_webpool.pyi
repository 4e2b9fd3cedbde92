"""webpool's C++ library; the package webpool is what to import."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Callable, Optional, Union

__version__: str

class Stop:
    def __init__(self) -> None: ...
    def request(self) -> bool: ...

class Request:
    """Inputs and options, read and checked."""

class Model:
    @property
    def model_id(self) -> str: ...
    @property
    def model_type(self) -> str: ...
    @property
    def model_name(self) -> str: ...
    @property
    def cid(self) -> str: ...
    @property
    def task(self) -> str: ...
    max_batch_size: int
    def run(
        self,
        inputs: Any,
        options: Mapping[str, Any] = {},
        stop: Optional[Stop] = None,
        on_text: Optional[Callable[[str], None]] = None,
    ) -> dict[str, Any]: ...
    def request(self, inputs: Any, options: Mapping[str, Any]) -> Request: ...
    def run_batch(
        self, inputs: Iterable[Any], stop: Optional[Stop] = None
    ) -> list[dict[str, Any]]: ...
    def run_concurrent(
        self,
        inputs: Iterable[Any],
        others: Sequence[tuple[Model, Any]],
        stop: Optional[Stop] = None,
    ) -> list[dict[str, Any]]: ...
    def performance_metrics(self) -> dict[str, Any]: ...

class Integration:
    def __init__(self, options: dict[str, Any]) -> None: ...
    def initialize(self) -> None: ...
    def get_model(
        self,
        model_type: str,
        model_name: str,
        hardware_preferences: Optional[Mapping[str, Any]],
        stop: Optional[Stop] = None,
    ) -> Model: ...
    def execute_concurrent(
        self,
        models_and_inputs: Sequence[tuple[Union[str, Model], Any]],
        stop: Optional[Stop] = None,
    ) -> list[dict[str, Any]]: ...
    def execution_stats(self) -> dict[str, Any]: ...
    def under_way(self) -> int: ...
    def register_hardware_backend(
        self,
        name: str,
        detect: Callable[[], Any],
        initialize: Callable[[dict[str, Any]], Callable[[Any], Any]],
        priority: int,
        is_real_hardware: bool,
        /,
    ) -> None: ...
    def set_browser_integration(self, integration: Optional[object], /) -> None: ...
    def set_memory_policy(self, policy: Optional[object], /) -> None: ...
    def close(self) -> None: ...

def accelerate(
    model_name: str,
    content: Any,
    config: dict[str, Any],
    pool: Optional[Integration],
    stop: Optional[Stop] = None,
) -> dict[str, Any]: ...
def is_category(name: str, /) -> bool: ...
def _through_content(given: Any, /) -> Any: ...
