"""What the extension's modules share on Slicer's side. Imports neither torch nor monai."""
