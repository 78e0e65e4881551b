"""Networks: HyMamba in three sizes and shapes, Vanilla Mamba, and how to build them by name."""

from mambamim.models.build import build_model, model_names

__all__ = ["build_model", "model_names"]
