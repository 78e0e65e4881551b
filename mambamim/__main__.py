"""`python -m mambamim`."""

from mambamim.cli import entry

if __name__ == "__main__":
    entry()
