from __future__ import annotations

import atexit
import threading
from typing import Any, Mapping, Optional

from . import _webpool
from ._errors import Error, flag, mapping, shown, text
from ._integration import ResourcePoolBridgeIntegration
from ._model import Result
from ._twins import twin

_KNOWN = (
    "platform hardware browser precision mixed_precision context_length model_type store_results "
    "p2p_optimization use_resource_pool max_connections headless adaptive_scaling pool "
    "resource_pool url token db_path"
).split()

_lock = threading.Lock()
_default: Optional[ResourcePoolBridgeIntegration] = None


def accelerate(
    model_name: str, content: Any, config: Optional[Mapping[str, Any]] = None
) -> Result:
    """Runs a model once, by its name. Without ``config["pool"]`` it runs in one pool that all such
    calls share: the first opens it (with its ``max_connections``, ``headless`` and ``url``), and it is closed
    when Python ends, or by ``close_default_pool()``. A failure is a result whose ``status`` is
    "error". docs/python.md has the configuration, docs/bridge.md the keys of the result."""
    return _accelerate(model_name, content, config, None)


async def accelerate_async(
    model_name: str, content: Any, config: Optional[Mapping[str, Any]] = None
) -> Result:
    """``accelerate`` to be awaited."""
    return await twin(lambda stop: _accelerate(model_name, content, config, stop))


def close_default_pool() -> None:
    """Ends the browsers of the pool that ``accelerate`` opened; the next call opens it anew."""
    global _default
    with _lock:
        pool, _default = _default, None
    if pool is not None:
        pool.close()


def _accelerate(
    model_name: str,
    content: Any,
    config: Optional[Mapping[str, Any]],
    stop: Optional[_webpool.Stop],
) -> Result:
    text(model_name, "a model's name", "give its name, or its path as a str")
    given = mapping(config, "the configuration", 'give {"platform": "webgpu"}, for example')
    for name in given:
        if name not in _KNOWN:
            raise Error(f"accelerate has no {shown(name)}", "invalid_argument", ", ".join(_KNOWN))
    given["platform"] = _platform(given)
    given.pop("store_results", None)  # where there is a database, each run is stored
    pool = given.pop("pool", None)
    other = given.pop("resource_pool", None)
    pool = other if pool is None else pool
    if pool is not None and not isinstance(pool, ResourcePoolBridgeIntegration):
        raise Error(
            f"{shown(pool)} is no pool", "invalid_argument", "give a ResourcePoolBridgeIntegration"
        )
    if pool is None and flag(given.get("use_resource_pool", True), "use_resource_pool"):
        pool = _default_pool(given)
    return _webpool.accelerate(model_name, content, given, pool and pool._native, stop)


def _platform(config: Mapping[str, Any]) -> Optional[str]:
    """``platform`` and ``hardware`` are two names of one thing; None: a free choice."""
    named = {
        name: text(config[name], name, "webgpu, webnn, cpu, or a backend of your own")
        for name in ("platform", "hardware")
        if config.get(name) is not None
    }
    platforms = set(named.values())
    if len(platforms) > 1:
        raise Error(
            f"platform is {named['platform']!r} and hardware {named['hardware']!r}",
            "invalid_argument",
            "they are two names of one thing: give one of them",
        )
    platform = platforms.pop() if platforms else None
    return None if platform == "auto" else platform


def _default_pool(config: Mapping[str, Any]) -> ResourcePoolBridgeIntegration:
    global _default
    with _lock:
        if _default is None:
            wanted = {
                name: config[name]
                for name in (
                    "max_connections",
                    "headless",
                    "adaptive_scaling",
                    "url",
                    "token",
                    "db_path",
                )
                if config.get(name) is not None
            }
            pool = ResourcePoolBridgeIntegration(**wanted)
            pool.initialize()
            _default = pool
        return _default


atexit.register(close_default_pool)
