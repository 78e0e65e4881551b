"""The job "devices" in a worker of its own."""

import pytest

from mambamim.inference.runtimes import choose_device
from mambamim.jobs import JobError


def test_it_names_what_the_other_jobs_take(real):
    result = real.submit("devices", {}).result(120)
    names = [row["device"] for row in result["devices"]]
    assert names[0] == "cpu"
    assert all(str(choose_device(name)) == name for name in names)
    assert result["auto"].split(":")[0] in {name.split(":")[0] for name in names}
    assert result["devices"][0]["name"]


def test_a_parameter_is_refused(real):
    with pytest.raises(JobError, match="gpu"):
        real.submit("devices", {"gpu": 1}).result(60)
