"""The process of a detached run whose networks are tiny and whose steps take a moment."""

import sys
import time

import torch
from tiny_networks import TINY

import mambamim.finetuning.network as network
import mambamim.pretraining.mambamim as pretraining
from mambamim.jobs.detached_run import main
from mambamim.models import build_model
from mambamim.training.learner import Learner


def build(name, **numbers):
    return build_model(name, **{**TINY[name], **numbers})


def slowly(self, batches, step):
    time.sleep(0.15)
    return learn(self, batches, step)


torch.set_num_threads(1)
network.build_model = build
if hasattr(pretraining, "build_model"):
    pretraining.build_model = build
learn, Learner.learn = Learner.learn, slowly
sys.exit(main())
