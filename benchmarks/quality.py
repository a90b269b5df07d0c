"""Are the faster networks as good? Reconstruction and masked cross-entropy beside the authors' package.

    OMP_NUM_THREADS=1 python benchmarks/quality.py [--datasets ECG5000 FordA] [--seeds 0 1] [--folder DIR]

* ``stage1``: both tokenisers are trained for 1000 steps of the same budget; errors on TEST. Ours in two widths:
  that of params.yaml, and a narrow one that has fewer parameters than the package's.
* ``prior``: both networks are trained for 2000 steps on one fixed set of tokens (TRAIN's, by this project's
  tokeniser with seed 0) under one rule of masking, MaskGIT's, and scored on the same held-out masks of TEST's
  tokens and of TRAIN's. The package's own training masks the other way round, so its loss cannot be compared.

One JSON file for each result; those that exist are not computed again, so the command can be stopped and repeated,
and several may run at once on different data sets. Ends with a table of what there is. The package takes 0.2 to
0.7 s a step.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import material
import numpy as np
import published
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from nm_vqtsg.artifacts import load_npz, save_json, save_npz
from nm_vqtsg.nn.batches import BATCH
from nm_vqtsg.nn.quantizer import Codebook
from nm_vqtsg.params import Stage1, Stage2
from nm_vqtsg.prior.maskgit import training_mask
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.tokenizer.kinds import timevqvae
from nm_vqtsg.tokenizer.model import Tokenizer
from nm_vqtsg.tokenizer.quality import reconstruction_errors
from nm_vqtsg.training.order import BatchOrder
from nm_vqtsg.training.seeds import derive_seed

STEPS = {"stage1": 1000, "prior": 2000}
SIDES = {"stage1": ("ours", "narrow", "package"), "prior": ("ours", "package")}
NARROW = {"first_width": 6, "last_width": 80}  # a tokeniser with fewer parameters than the package's


FIRST, SECOND = Stage1(steps=STEPS["stage1"]), Stage2(steps=STEPS["prior"])


def n_parameters(module: torch.nn.Module) -> int:
    """Trained numbers."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def our_tokenizer(x: Tensor, seed: int, config: Stage1) -> Tokenizer:
    """Trained on TRAIN."""
    tokenizer = timevqvae.KIND.build(config, x.shape[1], x.shape[2])
    tokenizer.fit(x, seed)
    return tokenizer


def stage1(side: str, dataset: str, seed: int, folder: Path) -> dict[str, Any]:
    """Errors of reconstruction on TEST and TRAIN."""
    train, test, _ = material.split_series(dataset)
    x, held_out = torch.from_numpy(train.X), torch.from_numpy(test.X)
    if side != "package":
        tokenizer = our_tokenizer(x, seed, FIRST.model_copy(update=NARROW) if side == "narrow" else FIRST)
        errors = {
            split: reconstruction_errors(tokenizer, z)["total"] for split, z in (("test", held_out), ("train", x))
        }
        return {"parameters": n_parameters(tokenizer), **errors}
    vqvae = published.make_vqvae(x.shape[1], x.shape[2], seed)
    trainer = published.vqvae_trainer(vqvae, FIRST)
    order = BatchOrder(len(x), FIRST.batch_size, derive_seed(seed, "order"))
    for step in range(FIRST.steps):
        trainer.step(x[order.rows(step)])
    found: dict[str, Any] = {"parameters": n_parameters(vqvae)}
    for split, z in (("test", held_out), ("train", x)):
        error = (published.reconstruct(vqvae, z) - z).double()
        found[split] = {"mse": float(error.square().mean()), "l1": float(error.abs().mean())}
    return found


def fixed_tokens(dataset: str, folder: Path) -> dict[str, np.ndarray]:
    """Tokens of TRAIN and TEST, renumbered to the live codes: the same for both sides and all seeds."""
    path = folder / f"tokens-{dataset}.npz"
    if not path.exists():
        train, test, _ = material.split_series(dataset)
        assert train.y is not None and test.y is not None
        x = torch.from_numpy(train.X)
        tokenizer = our_tokenizer(x, 0, FIRST)
        arrays: dict[str, np.ndarray] = {
            "grids": np.array(tokenizer.grids),
            "n_classes": np.array(train.n_classes),
        }
        for split, series in (("train", train), ("test", test)):
            arrays[f"{split}_y"] = series.y
            for band, ids in enumerate(tokenizer.tokens(torch.from_numpy(series.X))):
                renumbered = tokenizer.codebooks[band].live.cumsum(0) - 1
                arrays[f"{split}_{band}"] = renumbered[ids].numpy()
        arrays["n_codes"] = np.array([int(book.live.sum()) for book in tokenizer.codebooks])
        save_npz(path, **arrays)
    return load_npz(path)


def prior(side: str, dataset: str, seed: int, folder: Path) -> dict[str, Any]:
    """Cross-entropy at hidden positions, in nats, per band, with and without the class."""
    data = fixed_tokens(dataset, folder)
    sizes, n_classes = [int(k) for k in data["n_codes"]], int(data["n_classes"])
    grids = [(int(rows), int(columns)) for rows, columns in data["grids"]]
    tokens = {
        split: [torch.from_numpy(data[f"{split}_{band}"]) for band in range(2)] for split in ("train", "test")
    }
    classes = {split: torch.from_numpy(data[f"{split}_y"]) for split in ("train", "test")}
    if side == "ours":
        books = [Codebook(torch.empty(k, 0), torch.ones(k, dtype=torch.bool)) for k in sizes]
        ours = Prior(SECOND, grids, books, n_classes)
        ours.fit(tokens["train"], classes["train"], seed)
        found: dict[str, Any] = {"parameters": n_parameters(ours.network)}
        for split in tokens:
            for what, y in (("unconditional", None), ("of_class", classes[split])):
                bands = ours.score(tokens[split], y, seed=0)
                found.setdefault(split, {})[what] = [band.cross_entropy for band in bands]
        return found
    networks = published.make_transformers(sizes, [rows * columns for rows, columns in grids], n_classes, seed)

    def loss(*batch: Tensor) -> Tensor:
        low, high, y, *masks = batch
        return torch.stack(
            [losses.mean() for losses in published.masked_losses(networks, (low, high), y, masks)]
        ).sum()

    trainer = published.Trainer(networks, SECOND, loss)
    order = BatchOrder(len(classes["train"]), SECOND.batch_size, derive_seed(seed, "order"))
    networks.train()
    for step in range(SECOND.steps):
        rows = order.rows(step)
        generator = torch.Generator().manual_seed(derive_seed(seed, "masks", step))
        batch = [ids[rows] for ids in tokens["train"]]
        masks = [training_mask(len(rows), ids.shape[1], generator) for ids in batch]
        trainer.step(*batch, classes["train"][rows], *masks)
    networks.eval()
    found = {"parameters": n_parameters(networks)}
    for split in tokens:
        for what, y in (("unconditional", None), ("of_class", classes[split])):
            found.setdefault(split, {})[what] = score_package(networks, tokens[split], y)
    return found


@torch.no_grad()
def score_package(networks: torch.nn.ModuleList, tokens: list[Tensor], y: Tensor | None) -> list[float]:
    """Means over the very masks that `nm_vqtsg.prior.score` draws with seed 0."""
    n, sums, counts = len(tokens[0]), [0.0, 0.0], [0, 0]
    generators = [torch.Generator().manual_seed(derive_seed(0, "score", band)) for band in range(2)]
    for rows in torch.arange(n).split(BATCH):
        batch = [ids[rows] for ids in tokens]
        masks = [training_mask(len(rows), ids.shape[1], g) for ids, g in zip(batch, generators, strict=True)]
        given = None if y is None else y[rows]
        for band, losses in enumerate(published.masked_losses(networks, batch, given, masks)):
            sums[band] += float(losses.double().sum())
            counts[band] += len(losses)
    return [total / count for total, count in zip(sums, counts, strict=True)]


WORK: dict[str, Callable[[str, str, int, Path], dict[str, Any]]] = {"stage1": stage1, "prior": prior}


def result_file(folder: Path, what: str, dataset: str, seed: int, side: str) -> Path:
    """Where a result lies."""
    return folder / f"{what}-{dataset}-seed{seed}-{side}.json"


def numbers(what: str, found: dict[str, Any]) -> dict[str, float]:
    """The columns of a result's row."""
    if what == "stage1":
        return {f"{split} {name}": found[split][name] for split in ("test", "train") for name in ("l1", "mse")}
    return {
        f"{split} {band}, {what.replace('_', ' ')}": found[split][what][index]
        for split in ("test", "train")
        for what in ("unconditional", "of_class")
        for index, band in enumerate(("LF", "HF"))
    }


def show(folder: Path, datasets: list[str], seeds: list[int]) -> None:
    """Tables of what there is: means over seeds, and half the distance between the best and the worst."""
    for what, sides in SIDES.items():
        table = Table(title=f"{what}, {STEPS[what]} steps (lower is better)")
        for name in ("data set", "score", *sides):
            table.add_column(name, justify="left" if name in ("data set", "score") else "right", no_wrap=True)
        for dataset in datasets:
            found = {}
            for side in sides:
                paths = [result_file(folder, what, dataset, seed, side) for seed in seeds]
                found[side] = [json.loads(path.read_text()) for path in paths if path.exists()]
            known = next((results[0] for results in found.values() if results), None)
            if known is None:
                continue
            sizes = (f"{results[0]['parameters']:,}" if results else "" for results in found.values())
            table.add_row(dataset, "parameters", *sizes)
            for name in numbers(what, known):
                cells = []
                for results in found.values():
                    values = [numbers(what, one)[name] for one in results]
                    spread = f" ± {np.ptp(values) / 2:.4f}" if len(values) > 1 else ""
                    cells.append(f"{np.mean(values):.4f}{spread}" if values else "")
                table.add_row("", name, *cells)
        Console(width=130).print(table)


def main() -> None:
    """Compute what is missing and show all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", nargs="+", default=["ECG5000", "FordA"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--what", nargs="+", choices=list(WORK), default=list(WORK))
    parser.add_argument("--folder", type=Path, default=Path("benchmarks/results/quality"))
    parser.add_argument("--show", action="store_true", help="show what there is, compute nothing")
    options = parser.parse_args()
    if not options.show:
        if not published.available():
            raise SystemExit(f"the authors' package is missing; {published.INSTALL}")
        torch.set_num_threads(1)
        for seed in options.seeds:
            for dataset in options.datasets:
                for what in options.what:
                    for side in SIDES[what]:
                        path = result_file(options.folder, what, dataset, seed, side)
                        if path.exists():
                            continue
                        begin = time.process_time()
                        found = WORK[what](side, dataset, seed, options.folder)
                        save_json(path, found | {"cpu_seconds": round(time.process_time() - begin, 1)})
                        print(path.name, json.dumps(found), flush=True)
    show(options.folder, options.datasets, options.seeds)


if __name__ == "__main__":
    main()
