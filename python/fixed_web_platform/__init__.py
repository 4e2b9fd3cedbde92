"""The names that programs written for fixed_web_platform import; webpool has them."""

from .resource_pool_bridge import EnhancedWebModel, ResourcePoolBridgeIntegration

__all__ = ["EnhancedWebModel", "ResourcePoolBridgeIntegration"]
