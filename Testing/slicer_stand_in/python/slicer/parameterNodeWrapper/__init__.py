"""Typed access to a parameter node, bound to widgets, where Slicer's own package is not at hand."""

from . import connectors
from .annotations import *  # noqa: F403

# ruff: noqa: F401
from .annotations import findFirstAnnotation, splitAnnotations, unannotatedType
from .connector import GuiConnector, createGuiConnector, parameterNodeGuiConnector
from .packs import FloatRange, isParameterPack, nestedParameterNames, parameterPack
from .serializers import Serializer, getNodeTypes, isNodeOrUnionOfNodes, parameterNodeSerializer
from .wrapper import (
    SlicerParameterNamePropertyName,
    findChildWidgetForParameter,
    isParameterNodeWrapper,
    parameterNodeWrapper,
)
