"""SampleData: modules register their samples; those whose files are on this machine can be
loaded."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import slicer


@dataclass
class SampleDataSource:
    """One sample, as Slicer's SampleDataSource keeps it."""

    sampleName: str = ""
    sampleDescription: str = ""
    uris: list = field(default_factory=list)
    fileNames: list = field(default_factory=list)
    nodeNames: list = field(default_factory=list)
    checksums: list = field(default_factory=list)
    loadFiles: list = field(default_factory=list)
    customDownloader: object = None
    thumbnailFileName: str = ""
    loadFileType: object = None
    loadFileProperties: dict = field(default_factory=dict)

    def __post_init__(self):
        for name in ("uris", "fileNames", "nodeNames", "checksums", "loadFiles"):
            value = getattr(self, name)
            setattr(self, name, [value] if isinstance(value, str) else list(value or []))


class SampleDataLogic:
    """Slicer's downloads from the net; this takes files from this machine alone (file:
    addresses)."""

    def __init__(self, logMessage=None):
        self.logMessage = logMessage

    @staticmethod
    def registerCustomSampleDataSource(category="Custom", **source):
        if not hasattr(slicer.modules, "sampleDataSources"):
            slicer.modules.sampleDataSources = {}
        known = slicer.modules.sampleDataSources.setdefault(category, [])
        known.append(SampleDataSource(**{name: value for name, value in source.items() if value}))

    def sourceForSampleName(self, sampleName):
        sources = getattr(slicer.modules, "sampleDataSources", {}).values()
        return next((s for group in sources for s in group if s.sampleName == sampleName), None)

    def downloadSamples(self, sampleName):
        source = self.sourceForSampleName(sampleName)
        if source is None:
            raise RuntimeError(f"No sample named {sampleName}")
        return self.downloadFromSource(source)

    def downloadSample(self, sampleName):
        return next(iter(self.downloadSamples(sampleName)), None)

    def downloadFromSource(self, source):
        if source.customDownloader is not None:
            return [source.customDownloader(source)]
        nodes = []
        for index, uri in enumerate(source.uris):
            name = source.nodeNames[index] if index < len(source.nodeNames) else None
            path = self.downloadFile(uri, slicer.app.temporaryPath, source.fileNames[index])
            properties = dict(source.loadFileProperties) | ({"name": name} if name else {})
            nodes.append(
                slicer.util.loadNodeFromFile(path, source.loadFileType or None, properties)
            )
        return nodes

    def downloadFile(self, uri, destFolderPath, name, checksum=None):
        address = urlparse(uri)
        if address.scheme != "file":
            raise RuntimeError(f"the stand-in does not download from the net: {uri}")
        return shutil.copy(url2pathname(address.path), Path(destFolderPath) / name)
