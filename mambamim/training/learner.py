"""A network that learns: its weights, their average, its optimizer, and one step of it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mambamim.training.optimizer import make_optimizer, rate_at
from mambamim.training.recorded_step import RecordedStep
from mambamim.training.resume import optimizer_tensors, restore_optimizer
from mambamim.training.settings import LoopSettings
from mambamim.training.team import Team


class Learner:
    """The module of a task on its device, and what a step changes.

    Args:
        module: gives the loss of a batch.
        inputs: names in a batch, in the order in which `module` takes them.
        settings: of the run.
        team: this process and the others; they average their gradients.

    Attributes:
        module: the task's, moved.
        average: moving average of its weights, None without.
    """

    def __init__(
        self, module: nn.Module, inputs: tuple[str, ...], settings: LoopSettings, team: Team
    ) -> None:
        self._inputs, self._settings, self._team = inputs, settings, team
        self.module = module.to(team.device)
        if team.device.type == "cuda":
            self.module.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self.average: AveragedModel | None = None
        if settings.average:
            decay = get_ema_multi_avg_fn(settings.average)
            self.average = AveragedModel(self.module, multi_avg_fn=decay)  # buffers are copied
        self.optimizer = make_optimizer(self.module, settings)
        self._shared: nn.Module = self.module
        if team.size > 1:
            ids = [team.device] if team.device.type == "cuda" else None
            self._shared = DistributedDataParallel(self.module, device_ids=ids)
        self._gradients = RecordedStep(team.device, alone=team.size == 1)

    def learn(self, batches: Iterator[dict[str, Tensor]], step: int) -> tuple[Tensor, Tensor]:
        """One step; takes `accumulate` batches.

        Returns:
            Loss (of this process' share) and norm of the gradient, scalars on the device, which is
            not waited for.
        """
        settings, parts = self._settings, self._settings.accumulate
        # What a network draws by itself depends on the step alone.
        torch.manual_seed(hash((settings.seed, step, self._team.rank)) % 2**63)
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(step, settings)
        self.optimizer.zero_grad(set_to_none=not self._gradients.keeps_gradients)
        total = torch.zeros((), device=self._team.device)
        for part in range(parts):
            batch = next(batches)
            given = [self._moved(batch[name]) for name in self._inputs]
            with self._alone(last=part == parts - 1):
                total += self._gradients(self._backward, given)
        norm = nn.utils.clip_grad_norm_(self.module.parameters(), settings.clip or math.inf)
        self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.module)
        return total, norm.detach()

    def published(self) -> nn.Module:
        """What users take away: the averaged weights where a run averages, else its own."""
        return self.module if self.average is None else self.average.module

    def precision(self) -> torch.autocast:
        """The context that a forward pass runs in."""
        kind, chosen = self._team.device.type, self._settings.precision
        half = chosen == "bf16" or (chosen == "auto" and kind == "cuda")
        return torch.autocast(kind, torch.bfloat16, enabled=half)

    def tensors(self) -> dict[str, Tensor]:
        """All that a resumed run needs, by name."""
        tensors = {f"module.{k}": v for k, v in self.module.state_dict().items()}
        if self.average is not None:
            tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        return tensors | optimizer_tensors(self.optimizer)

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take back what `tensors` gave."""
        self.module.load_state_dict(_under("module.", tensors))
        if self.average is not None:
            self.average.load_state_dict(_under("average.", tensors))
        restore_optimizer(self.optimizer, tensors)

    def _backward(self, given: Sequence[Tensor]) -> Tensor:
        """The loss of a part of a batch, after its gradients were added to the parameters'."""
        with self.precision():
            loss: Tensor = self._shared(*given) / self._settings.accumulate
        loss.backward()
        return loss

    def _moved(self, tensor: Tensor) -> Tensor:
        device = self._team.device
        moved = tensor.to(device, non_blocking=True)
        if device.type == "cuda" and moved.dim() == 5 and moved.is_floating_point():
            return moved.contiguous(memory_format=torch.channels_last_3d)
        return moved

    def _alone(self, last: bool) -> contextlib.AbstractContextManager[None]:
        """Gradients are averaged among processes once a step, after the last part."""
        if isinstance(self._shared, DistributedDataParallel) and not last:
            return self._shared.no_sync()
        return contextlib.nullcontext()


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
