"""Web browsers as one pool that runs AI models.

    from webpool import ResourcePoolBridgeIntegration

    with ResourcePoolBridgeIntegration() as pool:
        model = pool.get_model("text_embedding", "all-minilm-l6-v2")
        print(model("a sentence")["output"])
"""

from ._accelerate import accelerate, accelerate_async, close_default_pool
from ._errors import Error
from ._integration import BrowserIntegration, MemoryPolicy, ResourcePoolBridgeIntegration
from ._model import CallOptions, EnhancedWebModel
from ._stream import TextStream
from ._webpool import __version__

__all__ = [
    "BrowserIntegration",
    "CallOptions",
    "EnhancedWebModel",
    "Error",
    "MemoryPolicy",
    "ResourcePoolBridgeIntegration",
    "TextStream",
    "__version__",
    "accelerate",
    "accelerate_async",
    "close_default_pool",
]
