"""Jobs for the worker's tests: they do what the parameters say and need no network."""

import time
from pathlib import Path


def run(parameters, context):
    context.warm["count"] = context.warm.get("count", 0) + 1
    if parameters.get("fault") == "memory":
        raise MemoryError
    if parameters.get("fault") == "bug":
        raise KeyError(parameters["file"])
    if parameters.get("deaf"):  # a step that nothing interrupts
        time.sleep(parameters["deaf"])
    for step in range(parameters.get("steps", 0)):
        if context.cancelled():
            from mambamim.errors import Cancelled

            raise Cancelled
        context.progress((step + 1) / parameters["steps"], "stepping")
        time.sleep(0.02)
    print("a library's print")
    if parameters.get("preview"):
        context.preview(Path(parameters["preview"]))
    context.metric(3, "loss", float("nan"))
    return {"count": context.warm["count"], "text": parameters.get("text")}
