import pytest

from MambaMIMLib import InstallTrouble
from MambaMIMLib.PackageProbe import Found
from MambaMIMLib.Packages import Package

# What pip writes, shortened.
NO_NAME = (
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'NameResolutionError(\"Failed "
    "to resolve 'pypi.example': [Errno -3] Temporary failure in name resolution\")'\n"
    "ERROR: Could not find a version that satisfies the requirement monai>=1.4\n"
    "ERROR: No matching distribution found for monai>=1.4"
)
PROXY = "ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407'))"
TLS = "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]'))"
FULL = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
DENIED = "ERROR: Could not install packages: [Errno 13] Permission denied: '/opt/Slicer/lib'"
IN_USE = "OSError: [WinError 32] being used by another process: 'torch_python.dll'"
NO_WHEEL = "ERROR: No matching distribution found for blosc2>=2.7"
CONFLICT = "ERROR: ResolutionImpossible: for help visit"


@pytest.mark.parametrize(
    ("said", "what", "todo"),
    [
        (NO_NAME, "could not be reached", "folder of wheels"),
        (PROXY, "proxy", "HTTPS_PROXY"),
        (TLS, "certificate", "PIP_CERT"),
        (FULL, "disk is full", "Free some room"),
        (DENIED, "cannot be written to", "folder of your own"),
        (IN_USE, "in use", "Restart Slicer"),
        (NO_WHEEL, "no wheel of blosc2", "another Python"),
        (CONFLICT, "do not go together", "newest Slicer"),
        ("Segmentation fault", "pip ended with 2", "log"),
    ],
)
def test_what_pip_says_is_explained(app, said, what, todo):
    trouble = InstallTrouble.ofPip(2, said.splitlines())
    assert what in trouble.message
    assert todo in trouble.hint
    assert said.splitlines()[-1] in trouble.detail


def test_a_folder_that_lacks_a_wheel_says_how_to_fill_it(app):
    trouble = InstallTrouble.ofPip(1, [NO_WHEEL], "/wheels")
    assert "The folder has no wheel of blosc2" in trouble.message
    assert "pip download --only-binary :all:" in trouble.hint


def test_a_proxys_password_is_not_kept(app):
    trouble = InstallTrouble.ofPip(1, ["via http://ann:secret@proxy:3128 failed"])
    assert "secret" not in trouble.detail
    assert "//proxy:3128" in trouble.detail


def test_imports_that_fail_are_explained(app):
    good = Found((3, 12, 10), {"torch": "2.8.0"}, {}, complete=True)
    assert InstallTrouble.ofImport(good) is None
    broken = Found((3, 12, 10), {}, {"torch": "OSError: [WinError 126] c10.dll."}, complete=True)
    trouble = InstallTrouble.ofImport(broken)
    assert "torch is installed but does not work: OSError: [WinError 126] c10.dll." in (
        trouble.message
    )
    assert InstallTrouble.ofImport(Found()).message == "This Python could not be started."
    assert "This is Python 3.8.1" in InstallTrouble.ofImport(Found((3, 8, 1))).message
    without = Found((3, 12, 1), {}, {"mambamim": "No module"}, complete=True)
    assert "pip install mambamim" in InstallTrouble.ofImport(without).hint
    crashed = Found((3, 12, 1), {}, {}, complete=False)
    assert InstallTrouble.ofImport(crashed) is not None


def test_what_another_python_lacks_is_a_command_to_run_there(app):
    monai = Package("monai", "monai", ">=1.4", "", 1, 1)
    trouble = InstallTrouble.lacking([monai])
    assert trouble.message == "This Python lacks monai."
    assert trouble.hint == 'Install it there with: pip install "monai>=1.4"'
