"""The neural mapper on the authors' own package, with the data, judge and parameters of a study.

    pip install --ignore-requires-python --no-deps timevqvae==1.0.1 einops
    OMP_NUM_THREADS=1 python benchmarks/authors_package.py studies/ecg5000 --dataset ECG5000 --out out.json

Run the study first, at least to the step `fcn`. The package's `VQVAE` and `MaskGIT` are trained with its own
losses and networks, with the study's steps, batch sizes and rates (`--set stage1.steps=500` changes them).
Then come the search for tau, the mapper and the evaluation, as in the study.
"""

import argparse
import logging
from pathlib import Path

import numpy as np
import torch
from timevqvae.maskgit import MaskGIT, PriorModelConfig
from timevqvae.vqvae import VQVAE
from torch import Tensor

from nm_vqtsg.artifacts import load_json, save_json
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.estimators.authors import AuthorsGenerator
from nm_vqtsg.estimators.neural_mapper import NeuralMapper
from nm_vqtsg.evaluation.evaluate import evaluate_samples
from nm_vqtsg.evaluation.scores import Samples
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.metrics.counts import sample_count
from nm_vqtsg.params import Params, load_params, override
from nm_vqtsg.session import Session
from nm_vqtsg.session.progress import LogLines
from nm_vqtsg.training.loop import fit
from nm_vqtsg.training.seeds import derive_seed

PRIOR = {"ff_mult": 1, "use_rmsnorm": True, "p_unconditional": 0.2, "model_dropout": 0.3, "emb_dropout": 0.3}


def train_vqvae(x: Tensor, params: Params, seed: int, session: Session) -> VQVAE:
    """Stage 1 with the package's networks and losses."""
    config = params.stage1
    vqvae = VQVAE(
        in_channels=x.shape[1],
        input_length=x.shape[2],
        downsampled_width_l=config.lf_width,
        downsampled_width_h=config.hf_width,
        codebook_size_l=config.codebook_size,
        codebook_size_h=config.codebook_size,
        codebook_dim=config.code_dim,
    )

    def step_loss(rows: Tensor, rng: torch.Generator, step: int) -> dict[str, Tensor]:
        out = vqvae(x[rows])
        parts = [*out.recons_loss.values(), *(loss["loss"].squeeze() for loss in out.vq_losses.values())]
        return {"loss": torch.stack(parts).sum()}

    vqvae(x[torch.randperm(len(x))[: 4 * config.batch_size]])  # k-means starts the codes
    fit(vqvae, step_loss, n=len(x), budget=config, seed=seed, session=session, description="package 1")
    return vqvae.eval()


def train_maskgit(vqvae: VQVAE, x: Tensor, y: Tensor, n_classes: int, params: Params, seed: int, session: Session):
    """Stage 2 with the package's networks and losses; tokens are computed once, since stage 1 is frozen."""
    sampling, k = params.sample, params.stage1.codebook_size
    maskgit = MaskGIT(
        vqvae=vqvae,
        lf_choice_temperature=sampling.lf_choice_temperature,
        hf_choice_temperature=sampling.hf_choice_temperature,
        lf_num_sampling_steps=sampling.steps,
        hf_num_sampling_steps=sampling.steps,
        lf_codebook_size=k,
        hf_codebook_size=k,
        transformer_embedding_dim=128,
        lf_prior_model_config=PriorModelConfig(hidden_dim=128, n_layers=4, heads=2, **PRIOR),
        hf_prior_model_config=PriorModelConfig(hidden_dim=32, n_layers=1, heads=1, **PRIOR),
        classifier_free_guidance_scale=sampling.guidance_scale,
        n_classes=n_classes,
    )
    maskgit.eval()
    tokens = {
        encoder: torch.cat([maskgit.encode_to_z_q(rows, encoder, quantizer)[1] for rows in x.split(256)])
        for encoder, quantizer in (
            (maskgit.encoder_l, maskgit.vq_model_l),
            (maskgit.encoder_h, maskgit.vq_model_h),
        )
    }
    maskgit.training_logic.encode_to_z_q_fn = lambda rows, encoder, _quantizer: (None, tokens[encoder][rows])

    def step_loss(rows: Tensor, rng: torch.Generator, step: int) -> dict[str, Tensor]:
        return {"loss": maskgit(rows, y[rows][:, None]).total_mask_prediction_loss}

    fit(maskgit, step_loss, n=len(x), budget=params.stage2, seed=seed, session=session, description="package 2")
    return maskgit.eval()


def run(study: Path, dataset: str, seed: int, changes: list[str]) -> dict:
    """Train, map and measure."""
    params = override(load_params(study / "params.yaml"), changes)
    train, test = (Series.load(study / "data" / dataset / f"{name}.npz") for name in ("train", "test"))
    session = Session(progress=LogLines(logging.getLogger("nm_vqtsg")))
    torch.manual_seed(derive_seed(seed, "package"))
    np.random.seed(derive_seed(seed, "package") % 2**32)
    x, y = torch.from_numpy(train.X), torch.from_numpy(train.y)

    vqvae = train_vqvae(x, params, seed, session)
    maskgit = train_maskgit(vqvae, x, y, train.n_classes, params, seed, session)
    generator = AuthorsGenerator(maskgit, x)
    with torch.no_grad():
        error = torch.cat([vqvae(rows).x_recon - rows for rows in torch.from_numpy(test.X).split(256)])

    mapper = NeuralMapper(
        params.stage3, params.svq, tau_grid=params.tau_grid, rocket=params.rocket, random_state=seed, device="cpu"
    )
    mapper.fit(generator, train.X, session=session)

    n = sample_count(params.sample.n_samples, len(test.X))
    y_class = torch.arange(test.n_classes).repeat_interleave(params.sample.n_per_class)
    source = torch.Generator().manual_seed(derive_seed(seed, "sample"))
    baseline = Samples(
        generator.sample(n, rng=source).numpy(),
        generator.sample(len(y_class), y_class, rng=source).numpy(),
        y_class.numpy(),
    )
    mapped = Samples(mapper.transform(baseline.X), mapper.transform(baseline.X_class), baseline.y_class)
    result = evaluate_samples(
        test,
        {"baseline": baseline, "mapped": mapped},
        train=train,
        judge=Judge.load(study / "results" / dataset / "fcn.safetensors"),
        rocket=params.rocket,
        config=params.evaluate,
        session=session,
    )
    return {
        "dataset": dataset,
        "seed": seed,
        "steps": {name: getattr(params, name).steps for name in ("stage1", "stage2", "stage3")},
        "live": [int(book.live.sum()) for book in generator.codebooks],
        "reconstruction_l1": float(error.abs().mean()),
        "tau": mapper.tau_,
        "tau_curve": dict(zip(map(str, mapper.tau_curve_.grid), mapper.tau_curve_.fid, strict=True)),
        "mapper_l1": [mapper.report_.l1_input, mapper.report_.l1],
        **result,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--set", action="append", default=[], help="key=value of params.yaml, such as stage1.steps=500"
    )
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    found = run(arguments.study, arguments.dataset, arguments.seed, arguments.set)
    save_json(arguments.out, found)
    print(f"tau {found['tau']}, live codes {found['live']}")
    for name in ("fid", "is", "cfid"):
        print(f"{name}: {found['baseline'][name]:.4g} -> {found['mapped'][name]:.4g}", end=", ")
        print(f"real series {found['reference'][name]:.4g} (n={found['reference']['n']})")
    print(load_json(arguments.out)["change_percent"])


if __name__ == "__main__":
    main()
