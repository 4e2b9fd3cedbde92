"""The name that programs written for ipfs_accelerate_py import; webpool has it."""

from webpool import accelerate, accelerate_async

__all__ = ["accelerate", "accelerate_async"]
