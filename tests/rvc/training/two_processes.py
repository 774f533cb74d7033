"""What one of two processes does: `python two_processes.py <rendezvous file> <folder for results>`, with RANK set."""
import os
import sys
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[3]), str(HERE.parents[2]), str(HERE.parents[2] / "golden"), str(HERE.parent)]

import small  # noqa: E402
import torch  # noqa: E402
import torch.distributed as dist  # noqa: E402
from conftest import WrittenNoise  # noqa: E402
from safetensors.torch import save_file  # noqa: E402


def main(meeting: str, results: str) -> None:
    rank = int(os.environ["RANK"])
    dist.init_process_group("gloo", store=dist.FileStore(meeting, 2), rank=rank, world_size=2)
    recipe = small.recipe(seed=rank, optimizer="adamw")  # each its own weights, until those of the first are shared
    half = small.batch(30, 24, 12, 16).split(2)[rank]
    found = recipe.step([half], WrittenNoise("half"))
    networks = {"generator": recipe.generator.network, "judges": recipe.judges.network}
    kept = {f"{name}/{key}": value for name, network in networks.items()
            for key, value in small.gradients(network).items()}
    before = [small.weights(network) for network in networks.values()]
    spoilt = recipe.step([replace(half, wave=half.wave * torch.nan) if rank else half], WrittenNoise("half"))
    still = [small.same(small.weights(network), then) for network, then in zip(networks.values(), before)]
    kept |= {"norm": found.norm_generator, "still": torch.tensor([not spoilt.sound, *still])}
    save_file(kept, Path(results) / f"{rank}.safetensors")
    dist.destroy_process_group()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*sys.argv[1:])
