"""Commands that train and use models."""

import argparse

import torch

from ..data.code_files import read_codes
from ..experiments.preset import Preset
from ..experiments.smiles import Smiles
from ..molecules.datasets import own_molecules
from ..papers.catalogue import PRESETS, find_preset, inventory
from ..papers.dd_vae.readings import under


def train(arguments: argparse.Namespace) -> int:
    from ..experiments.runner import default_folder, is_trained, train

    preset = _chosen_preset(arguments)
    folder = arguments.out or default_folder(preset.name, arguments.seed)
    record = train(
        preset,
        arguments.budget,
        arguments.seed,
        folder,
        arguments.device,
        arguments.resume,
        arguments.time_limit,
        evaluation=arguments.evaluation,
    )
    if record is None:
        trained = is_trained(folder)
        print("trained; evaluate with --resume" if trained else "stopped; go on with --resume")
        return int(not trained)
    print("\n".join(f"{name:>22} {value}" for name, value in record.results.items()))
    print(f"{'record':>22} {record.folder}")
    return 0


def _chosen_preset(arguments: argparse.Namespace) -> Preset:
    """The preset of that name, in the reading and on the molecules that were asked for."""
    preset = find_preset(arguments.preset)
    if arguments.reading is not None:
        preset = under(preset, arguments.reading)
    if arguments.data is None:
        return preset
    if not isinstance(preset, Smiles):
        raise ValueError(
            f"data is {arguments.data!r}; expected it with a molecular preset, not {preset.name}"
        )
    return preset.on(own_molecules(arguments.data))


def sample(arguments: argparse.Namespace) -> int:
    from ..experiments.molecule_runs import load_codec

    if arguments.n < 1:
        raise ValueError(f"n is {arguments.n}; expected a whole number from 1")
    codec = load_codec(arguments.run)
    torch.manual_seed(arguments.seed)
    print("\n".join(codec.sample(arguments.n)))
    return 0


def encode(arguments: argparse.Namespace) -> int:
    from ..experiments.molecule_runs import load_codec

    codec = load_codec(arguments.run)
    strings = own_molecules(arguments.file, codec.vocabulary).strings()
    for code in codec.encode(strings).tolist():
        print(" ".join(f"{x:.6g}" for x in code))
    return 0


def decode(arguments: argparse.Namespace) -> int:
    from ..experiments.molecule_runs import load_codec

    codec = load_codec(arguments.run)
    print("\n".join(codec.decode(read_codes(arguments.file, codec.latent_size))))
    return 0


def presets(arguments: argparse.Namespace) -> int:
    for name, preset in PRESETS.items():
        print(f"{name:26} {preset.title} ({preset.source})")
    print("\n| preset | recorded seeds (budget) | full runs lacking |\n|---|---|---|")
    print("\n".join(inventory()))
    return 0
