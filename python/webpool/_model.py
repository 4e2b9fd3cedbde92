from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, Mapping, Optional, Sequence, TypedDict, Union

from . import _webpool
from ._errors import Error, items, shown, whole_number
from ._stream import TextStream
from ._twins import twin

if TYPE_CHECKING:
    import asyncio

    from typing_extensions import Unpack

    from ._integration import ResourcePoolBridgeIntegration

Result = dict[str, Any]


class CallOptions(TypedDict, total=False):
    """How one call is to be answered: by a language model, but for the last two, which are for a
    model that writes down what is said. docs/python.md says what each means."""

    max_tokens: int
    temperature: float
    top_p: float
    top_k: int
    seed: int
    stop: Union[str, Sequence[str]]
    tools: Sequence[Mapping[str, Any]]
    tool_choice: str
    conversation: str
    raw: bool
    token_ids: bool
    language: str
    translate: bool


class EnhancedWebModel:
    """A model of a type, loaded in a browser. ``ResourcePoolBridgeIntegration.get_model`` makes
    them. Thread-safe. Calls after its integration is closed are results that say so."""

    _native: _webpool.Model

    def __init__(
        self,
        model_id: str,
        model_type: str,
        model_name: str,
        bridge: "_webpool.Model | ResourcePoolBridgeIntegration",
        platform: Optional[str],
        loop: Optional["asyncio.AbstractEventLoop"],
        integration: Optional["ResourcePoolBridgeIntegration"] = None,
        family: Optional[str] = None,
    ) -> None:
        """``bridge`` is what runs it: an integration, which is asked for the model on ``platform``
        (None: its choice). ``loop`` is not needed: the twins use the loop that runs."""
        native: _webpool.Model
        if isinstance(bridge, _webpool.Model):
            native = bridge
        else:
            if not hasattr(bridge, "get_model"):
                raise Error(
                    f"{shown(bridge)} is no integration that has models",
                    "invalid_argument",
                    "give a ResourcePoolBridgeIntegration",
                )
            integration = integration or bridge
            preferences = {"priority_list": [platform]} if platform else None
            native = bridge.get_model(model_type, model_name, preferences)._native
        if native.model_id != model_id:
            raise Error(
                f"the id of {model_type} {model_name} is {native.model_id}, not {model_id}",
                "invalid_argument",
                f"give {native.model_id!r}: an id is the type, a colon and the name",
            )
        self._native = native
        self.model_id = model_id
        self.model_type = model_type
        self.model_name = model_name
        self.loop = loop
        self.integration = integration
        self.family = family or model_type

    def __repr__(self) -> str:
        return f"<EnhancedWebModel {self.model_id}>"

    @property
    def cid(self) -> str:
        """The root of the model's folder: what really runs under the name."""
        return self._native.cid

    @property
    def platform(self) -> str:
        """What ran last, or where it was loaded: "webgpu", "webnn", "cpu" or "mixed"."""
        return str(self.get_performance_metrics()["platform"])

    @property
    def max_batch_size(self) -> int:
        return self._native.max_batch_size

    def __call__(self, inputs: Any, **options: Unpack[CallOptions]) -> Result:
        """Runs once. The options may also stand in ``inputs``, where these are a dict. A failure is a
        result whose ``success`` is False; inputs and options that are none raise Error."""
        return self._native.run(inputs, options)

    def stream(self, inputs: Any, **options: Unpack[CallOptions]) -> TextStream:
        """What a language model writes, as it comes: iterate over it, with ``for`` or ``async for``.
        Its ``result`` is that of the call. Inputs and options that are none raise Error here. The
        answer of a backend of the program's own comes whole, as one piece."""
        return TextStream(self._native, inputs, options)

    def run_batch(self, batch_inputs: Iterable[Any]) -> list[Result]:
        """A result for each, in order; texts for an embedding model go together."""
        return self._native.run_batch(_inputs(batch_inputs))

    def run_concurrent(
        self,
        items: Iterable[Any],
        other_models: Optional[Sequence[tuple["EnhancedWebModel", Any]]] = None,
    ) -> list[Result]:
        """At the same time, with ``other_models`` as (model, inputs); a result for each, items
        first."""
        return self._native.run_concurrent(_inputs(items), _natives(other_models))

    def get_performance_metrics(self) -> dict[str, Any]:
        """Measured since the model was made; ``avg_latency`` in ms, ``total_time`` in s."""
        return {**self._native.performance_metrics(), "family": self.family}

    def set_max_batch_size(self, batch_size: int) -> None:
        """How many texts go together in one run of the browser; 16 at first."""
        self._native.max_batch_size = whole_number(batch_size, "size of a batch", 1)

    async def call_async(self, inputs: Any, **options: Unpack[CallOptions]) -> Result:
        """``__call__`` to be awaited; when cancelled, the run ends in the browser too."""
        return await twin(lambda stop: self._native.run(inputs, options, stop))

    async def run_batch_async(self, batch_inputs: Iterable[Any]) -> list[Result]:
        batch = _inputs(batch_inputs)
        return await twin(lambda stop: self._native.run_batch(batch, stop))

    async def run_concurrent_async(
        self,
        items: Iterable[Any],
        other_models: Optional[Sequence[tuple["EnhancedWebModel", Any]]] = None,
    ) -> list[Result]:
        own = _inputs(items)
        others = _natives(other_models)
        return await twin(lambda stop: self._native.run_concurrent(own, others, stop))


def pairs(given: Iterable[Any]) -> list[tuple[Any, Any]]:
    """Of a model and its inputs each; what stands for the model is as it was given."""
    hint = "give [(model, inputs), ...]"
    all_pairs = []
    for pair in items(given, "what is to run", hint):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise Error(
                f"{shown(pair)} is no pair of a model and its inputs", "invalid_argument", hint
            )
        all_pairs.append((pair[0], pair[1]))
    return all_pairs


def _inputs(given: Iterable[Any]) -> list[Any]:
    return items(given, "a batch of inputs", "give [inputs, ...]")


def _natives(others: Optional[Iterable[Any]]) -> list[tuple[_webpool.Model, Any]]:
    natives = []
    for model, inputs in pairs(() if others is None else others):
        if not isinstance(model, EnhancedWebModel):
            raise Error(
                f"{shown(model)} is no model", "invalid_argument", "give what get_model() returned"
            )
        natives.append((model._native, inputs))
    return natives
