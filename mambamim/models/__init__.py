"""Networks: the HyMamba family and Vanilla Mamba, built by name, and the authors' weights."""

from mambamim.models.build import build_model, model_names
from mambamim.models.reference_weights import convert_reference_state_dict

__all__ = ["build_model", "convert_reference_state_dict", "model_names"]
