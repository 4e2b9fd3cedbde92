from webpool import EnhancedWebModel, ResourcePoolBridgeIntegration

__all__ = ["EnhancedWebModel", "ResourcePoolBridgeIntegration"]
