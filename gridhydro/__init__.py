"""Gridded, differentiable hydrology with fused CPU and GPU kernels."""

__version__ = "0.1.0"
