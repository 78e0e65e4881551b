"""The widgets of CTK and Slicer that modules use. The tables say what each has; behaviour is
beside."""
