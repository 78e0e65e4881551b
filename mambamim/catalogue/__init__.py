"""The models at hand: shipped, trained by the user, downloadable. Imports no torch."""

from mambamim.catalogue.catalogue import find_model, list_models, resolve_model
from mambamim.catalogue.download import download_model
from mambamim.catalogue.entry import ModelEntry
from mambamim.catalogue.folders import model_folders, user_folder, user_models_folder
from mambamim.catalogue.timings import record_seconds

__all__ = [
    "ModelEntry",
    "download_model",
    "find_model",
    "list_models",
    "model_folders",
    "record_seconds",
    "resolve_model",
    "user_folder",
    "user_models_folder",
]
