import json
import subprocess
import sys

from mambamim.diagnosis import diagnose, version_of


def test_it_says_what_is_there():
    facts = diagnose()
    json.dumps(facts)
    assert facts["packages"]["torch"] == version_of("torch") is not None
    assert facts["devices"][0]["device"] == "cpu"
    assert facts["devices"][0]["threads"] >= 1
    assert facts["selective_scan"]
    assert "abdomen-small" in [model["name"] for model in facts["models"]]
    assert 0 < facts["memory_gib"]["available"] <= facts["memory_gib"]["total"]
    assert facts["free_disk_gib"] > 0


def test_a_package_that_is_not_there_has_no_version():
    assert version_of("no-such-package-at-all") is None


def test_it_works_where_torch_is_missing():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import json; from mambamim.diagnosis import diagnose; print(json.dumps(diagnose()))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    facts = json.loads(run.stdout)
    assert "torch" in next(iter(facts["selective_scan"].values()))
    assert "threads" not in facts["devices"][0]
