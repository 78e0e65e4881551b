"""An installer that installs nothing, and does what a test says."""


class FakeInstaller:
    """See `InstallerLike`; `asked` has what it was to install, `code` and `lines` its answer."""

    def __init__(self):
        self.asked, self.constraints = [], []
        self.code, self.lines = 0, ["Collecting it"]
        self.free, self.isBusy, self.isWritable, self.pytorch = 10**12, False, True, True
        self.ends = []

    def busy(self):
        return self.isBusy

    def hasTorch(self):
        return self.pytorch

    def torch(self, versions, onLine):
        self.asked.append(["torch", versions])
        onLine("Collecting torch")
        return self.code

    def pip(self, arguments, constraints, onLine, onEnd):
        self.asked.append(list(arguments))
        self.constraints.append(constraints.read_text(encoding="utf-8"))
        for line in self.lines:
            onLine(line)
        self.ends.append(onEnd)

    def end(self):
        """Let the pip that runs come to its end."""
        self.ends.pop(0)(self.code)

    def room(self):
        return self.free

    def writable(self):
        return self.isWritable
