"""SampleData: modules register their samples; those whose files are on this machine can be
loaded."""

import logging
import os
import shutil
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import slicer

_LISTS = ("uris", "fileNames", "nodeNames", "checksums", "loadFiles", "loadFileTypes")


class SampleDataSource:
    """One sample: of each file its address, name and so on, in lists of one length."""

    def __init__(
        self,
        sampleName=None,
        sampleDescription=None,
        uris=None,
        fileNames=None,
        nodeNames=None,
        checksums=None,
        loadFiles=None,
        customDownloader=None,
        thumbnailFileName=None,
        loadFileTypes=None,
        loadFileProperties=None,
        loadFileType=None,
    ):
        if loadFileType is not None and loadFileTypes is not None:
            raise ValueError("loadFileType and loadFileTypes cannot be specified at the same time")
        given = (uris, fileNames, nodeNames, checksums, loadFiles, loadFileTypes or loadFileType)
        for name, value in zip(_LISTS, given, strict=True):
            setattr(self, name, self._listed(name, value, uris))
        lengths = {name: len(getattr(self, name)) for name in _LISTS}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"the fields of a sample must have the same length: {lengths}")
        self.sampleName = sampleName
        self.sampleDescription = sampleName if sampleDescription is None else sampleDescription
        self.customDownloader = customDownloader
        self.thumbnailFileName = thumbnailFileName
        self.loadFileProperties = loadFileProperties or {}

    @staticmethod
    def _listed(name, value, uris):
        if isinstance(uris, str):
            return [value]
        shared = name == "loadFileTypes" and isinstance(value, str)
        return [value] * len(uris) if value is None or shared else value

    def __eq__(self, other):
        return isinstance(other, SampleDataSource) and vars(self) == vars(other)

    __hash__ = None


class SampleDataLogic:
    """Slicer's downloads from the net; this takes files from this machine alone (file:
    addresses). A source's own downloader is for the button in Slicer's panel: whoever asks for the
    sample by its name gets it from its address."""

    def __init__(self, logMessage=None):
        if logMessage:
            self.logMessage = logMessage
        self.sampleDataSourcesByCategory()

    def logMessage(self, message, logLevel=logging.DEBUG):
        logging.log(logLevel, message)

    @staticmethod
    def registerCustomSampleDataSource(category="Custom", **source):
        made = SampleDataSource(**source)
        if not SampleDataLogic.isSampleDataSourceRegistered(category, made):
            SampleDataLogic.sampleDataSourcesByCategory().setdefault(category, []).append(made)

    @staticmethod
    def sampleDataSourcesByCategory(category=None):
        if not hasattr(slicer.modules, "sampleDataSources"):
            slicer.modules.sampleDataSources = {}
        known = slicer.modules.sampleDataSources
        return known if category is None else known.get(category, [])

    @staticmethod
    def isSampleDataSourceRegistered(category, sampleDataSource):
        return sampleDataSource in SampleDataLogic.sampleDataSourcesByCategory(category)

    def sourceForSampleName(self, sampleName):
        sources = self.sampleDataSourcesByCategory().values()
        return next((s for group in sources for s in group if s.sampleName == sampleName), None)

    def categoryForSource(self, a_source):
        known = self.sampleDataSourcesByCategory().items()
        return next((category for category, group in known if a_source in group), None)

    def downloadSamples(self, sampleName):
        source = self.sourceForSampleName(sampleName)
        return self.downloadFromSource(source) if source else []

    def downloadSample(self, sampleName):
        return self.downloadSamples(sampleName)[0]

    def downloadFromURL(self, uris=None, fileNames=None, nodeNames=None, **source):
        force = source.pop("forceDownload", False)
        made = SampleDataSource(uris=uris, fileNames=fileNames, nodeNames=nodeNames, **source)
        return self.downloadFromSource(made, forceDownload=force)

    def downloadFromSource(self, source, maximumAttemptsCount=3, forceDownload=False):
        """Nodes, and paths of what is not to be loaded; paths alone where no node has a name."""
        nodes, paths = [], []
        unnamed = all(name is None for name in source.nodeNames)
        fields = (getattr(source, name) for name in _LISTS)
        for uri, file, node, checksum, load, kind in zip(*fields, strict=True):
            file = file or os.path.basename(urlparse(uri).path)
            name = Path(file).stem if node is None and unnamed and load is not False else node
            path = self.downloadFileIntoCache(uri, file, checksum, forceDownload)
            if not name:
                paths.append(path)
            elif load is False:
                nodes.append(path)
            else:
                nodes.append(self.loadNode(path, name, kind, dict(source.loadFileProperties)))
        return nodes or paths

    def downloadFileIntoCache(self, uri, name, checksum=None, forceDownload=False):
        cache = slicer.mrmlScene.GetCacheManager().GetRemoteCacheDirectory()
        os.makedirs(cache, exist_ok=True)
        return self.downloadFile(uri, cache, name, checksum, forceDownload)

    def downloadFile(self, uri, destFolderPath, name, checksum=None, forceDownload=False):
        path, address = Path(destFolderPath) / name, urlparse(uri)
        if path.exists() and path.stat().st_size and not forceDownload:
            return str(path)
        if address.scheme != "file":
            raise RuntimeError(f"the stand-in does not download from the net: {uri}")
        try:
            return str(shutil.copy(url2pathname(address.path), path))
        except OSError as error:
            raise ValueError(f"Failed to download {uri} to {path}: {error}") from error

    def loadNode(self, uri, name, fileType=None, fileProperties=None):
        """Load a file; what it came from is not kept, for it lies in the cache."""
        kind = fileType or slicer.app.coreIOManager().fileType(uri)
        properties = {**(fileProperties or {}), "name": name}
        node = slicer.util.loadNodeFromFile(uri, kind, properties)
        storage = node.GetStorageNode()
        if storage is not None:
            slicer.mrmlScene.RemoveNode(storage)
            node.SetAndObserveStorageNodeID(None)
        return node


def downloadFromURL(uris=None, fileNames=None, nodeNames=None, **source):
    return SampleDataLogic().downloadFromURL(uris, fileNames, nodeNames, **source)


def downloadSample(sampleName):
    return SampleDataLogic().downloadSample(sampleName)


def downloadSamples(sampleName):
    return SampleDataLogic().downloadSamples(sampleName)
