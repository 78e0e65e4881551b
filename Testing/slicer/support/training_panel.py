"""What the tests of the Trainer's section "2 Train" share."""

import slicer
from model_files import write_model
from segmenter_scene import settle, wait


def button(panel):
    return slicer.util.findChild(panel.watch.job.widget, "jobButton")


def child(panel, name):
    return slicer.util.findChild(panel.watch.widget, name)


def message(panel):
    return child(panel, "message").text


def start(panel):
    assert button(panel).enabled, button(panel).toolTip
    button(panel).click()
    return panel.runs.last


def heard(tail):
    wait(lambda: not tail.told)
    settle(0.02)


def finish(panel, tail, models, **more):
    name = panel.runs.started[-1].parameters["name"]
    path = write_model(models / f"{name}.safetensors", title="New")
    tail.finish(
        model=str(path),
        name=name,
        scores={"dice": 0.8, "dice_liver": 0.9, "dice_spleen": 0.7},
        base_scores={"dice": 0.5, "dice_liver": 0.6, "dice_spleen": 0.4},
        **more,
    )
    wait(lambda: not panel.watch.job.busy)
