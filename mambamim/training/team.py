"""The processes of one training: a single one, or those that `torchrun` has started."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType

import torch
import torch.distributed as dist

from mambamim.inference.runtimes import choose_device


@dataclass(frozen=True)
class Team:
    """This process and how many there are. Use as a context, so that it is left in good order.

    Attributes:
        rank: of this process, 0 leads: it alone writes and tells.
        size: processes.
        device: of this process.
    """

    rank: int
    size: int
    device: torch.device

    @classmethod
    def join(cls, device: str = "auto") -> Team:
        """Join the processes that torchrun started with this one; without it, a team of one.

        Args:
            device: as `Segmenter` takes it; with several processes "auto" and "cuda" give each its
                own GPU.

        Raises:
            BadInputError: no such device.
        """
        size = int(os.environ.get("WORLD_SIZE", "1"))
        chosen = choose_device(device)
        if size == 1:
            return cls(0, 1, chosen)
        if chosen.type == "cuda":
            chosen = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
            torch.cuda.set_device(chosen)
        # Gradients go from GPU to GPU. What processes tell each other goes from CPU to CPU: a flag
        # on a GPU would be read after all that it was given before.
        backend = "cpu:gloo,cuda:nccl" if chosen.type == "cuda" else "gloo"
        # The others wait while one prepares scans or validates.
        dist.init_process_group(backend, timeout=timedelta(hours=12))
        return cls(dist.get_rank(), size, chosen)

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and tells."""
        return self.rank == 0

    def any(self, flag: bool) -> bool:
        """Whether the flag is up in any process; all must ask at the same time.

        No device is waited for: training asks before every step.
        """
        if self.size == 1:
            return flag
        raised = torch.tensor(float(flag))
        dist.all_reduce(raised, dist.ReduceOp.MAX)
        return bool(raised)

    def mean(self, value: float) -> float:
        """The mean over all processes; all must ask at the same time."""
        if self.size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64)
        dist.all_reduce(total)
        return float(total) / self.size

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            dist.barrier()

    def __enter__(self) -> Team:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.size > 1:
            dist.destroy_process_group()
