"""The application around the scene: slicer.app, modules, files, dialogs, layout."""
