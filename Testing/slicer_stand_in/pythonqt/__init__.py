"""PythonQt's manners on top of PySide6: what PythonQt would refuse is refused."""
