"""Stage 2: a prior over the tokens of all bands, trained on masks and sampled by parallel decoding."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from nm_vqtsg.artifacts import load_model, load_state, save_model
from nm_vqtsg.errors import ArtifactError, DataError, UserError
from nm_vqtsg.params import Sample, Stage2
from nm_vqtsg.prior.maskgit import Canvas, LogitsFunction, decode, training_mask
from nm_vqtsg.prior.network import Grid, PriorNetwork
from nm_vqtsg.session import Session
from nm_vqtsg.training import Budget, fit
from nm_vqtsg.training.order import derive_seed

KIND = "prior"
# Series decoded at once. On a CPU the logits of a step should stay near the caches, and below the size from
# which the C library hands memory back after each use; a GPU wants to be filled.
_BATCH = {"cpu": 64, "cuda": 1024}


class Prior:
    """p(tokens | class) of a frozen tokeniser's bands, coarse band first.

    Only live codes are in its vocabulary, so a code that no training position uses is never sampled and no
    probability is lost on it. The first band has the network `config.lf`, every later one `config.hf`.

    Parameters
    ----------
    config : Stage2
        Networks and dropout.
    grids : sequence of (int, int)
        (frequency rows, columns in time) of each band's tokens, flattened row by row.
    live : sequence of Tensor
        (K,) bool per band: the codes that may be used.
    n_classes : int
        0 for unlabelled data; then there is only the unconditional law.
    """

    def __init__(self, config: Stage2, grids: Sequence[Grid], live: Sequence[Tensor], n_classes: int) -> None:
        if not grids or len(grids) != len(live) or not all(bool(mask.any()) for mask in live):
            raise ArtifactError("the prior needs at least one band, and a live code in each; train stage 1 again")
        self.config, self.n_classes = config, n_classes
        self.grids: tuple[Grid, ...] = tuple((int(rows), int(columns)) for rows, columns in grids)
        self.live = tuple(mask.detach().cpu().bool() for mask in live)
        self._codes = tuple(mask.nonzero().squeeze(1) for mask in self.live)  # vocabulary -> codebook
        self._network: PriorNetwork | None = None

    @property
    def n_tokens(self) -> tuple[int, ...]:
        """N of each band."""
        return tuple(rows * columns for rows, columns in self.grids)

    @property
    def network(self) -> PriorNetwork:
        """The trained network."""
        if self._network is None:
            raise UserError("the prior is not trained yet; call fit first")
        return self._network

    @property
    def device(self) -> torch.device:
        """Where the network lives."""
        return next(self.network.parameters()).device

    def _build(self, seed: int) -> PriorNetwork:
        shapes = [self.config.lf if band == 0 else self.config.hf for band in range(len(self.grids))]
        sizes = [len(codes) for codes in self._codes]
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(derive_seed(seed, "prior"))
            return PriorNetwork(sizes, self.grids, self.n_classes, shapes, self.config.dropout)

    def vocabulary_ids(self, tokens: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Ids in the vocabulary of live codes, for ids in the codebooks: per band (B, N) int64, on the CPU.

        Raises
        ------
        DataError
            If shapes differ from the grids, or a token is not a live code.
        """
        if len(tokens) != len(self.grids):
            raise DataError(f"tokens of {len(tokens)} bands were given where {len(self.grids)} are needed")
        found = []
        for band, (ids, live, n_tokens) in enumerate(zip(tokens, self.live, self.n_tokens, strict=True)):
            ids = ids.detach().cpu().long()
            if ids.ndim != 2 or ids.shape[1] != n_tokens or len(ids) != len(tokens[0]):
                raise DataError(f"band {band}: tokens have shape {tuple(ids.shape)}, not (n, {n_tokens})")
            if ids.numel() and (ids.min() < 0 or ids.max() >= len(live) or not live[ids].all()):
                raise DataError(f"band {band}: a token is not one of the {int(live.sum())} live codes")
            found.append((live.cumsum(0) - 1)[ids])
        return tuple(found)

    def class_ids(self, y: Tensor | int | None, n: int) -> Tensor:
        """(n,) int64 class ids on the CPU; None is the class slot "no class given".

        Raises
        ------
        DataError
            If a class is unknown, or the number of labels is not `n`.
        """
        if y is None:
            return torch.full((n,), self.n_classes)
        labels = torch.as_tensor(y).detach().cpu().long()
        labels = labels.expand(n) if labels.ndim == 0 else labels
        if labels.shape != (n,):
            raise DataError(f"{len(labels)} labels were given for {n} series; give one label for each")
        if n and (labels.min() < 0 or labels.max() >= self.n_classes):
            unknown = int(labels[(labels < 0) | (labels >= self.n_classes)][0])
            known = f"0 to {self.n_classes - 1}" if self.n_classes else "none, since it was trained without labels"
            raise DataError(f"class {unknown} is unknown to the prior; its classes are {known}")
        return labels

    def fit(
        self,
        tokens: Sequence[Tensor],
        y: Tensor | None,
        budget: Budget,
        seed: int,
        session: Session | None = None,
    ) -> list[dict[str, float]]:
        """Train on tokens that were computed once.

        Every step hides a cosine-distributed share of each band (drawn independently) and asks for it back:
        the loss is the sum over bands of the cross-entropy at hidden positions. Later bands read the true
        tokens of the earlier ones. A share `config.class_dropout` of the series loses its class, drawn
        separately for each band.

        Parameters
        ----------
        tokens : sequence of Tensor
            (n, N) int64 per band, ids in the codebook.
        y : Tensor, optional
            (n,) int64 classes.
        budget, seed, session
            How long, from which seed, in which surroundings.

        Returns
        -------
        list of dict
            The loss curve, with a column ``loss_<band>`` for each band.
        """
        session = session or Session()
        device = session.device
        n = len(tokens[0])
        bands = tuple(ids.to(device) for ids in self.vocabulary_ids(tokens))
        classes = self.class_ids(y, n).to(device)
        network = self._build(seed)
        sparse = device.type == "cpu" and session.compiler is None

        def step_loss(rows: Tensor, generator: torch.Generator, step: int) -> dict[str, Tensor]:
            losses = {}
            batch = tuple(ids[rows] for ids in bands)
            for band, n_tokens in enumerate(self.n_tokens):
                uniform = torch.rand(len(rows), generator=generator, device=generator.device)
                given = classes[rows].masked_fill(uniform < self.config.class_dropout, self.n_classes)
                masked = training_mask(len(rows), n_tokens, generator)
                losses[f"loss_{band}"] = network.masked_loss(batch, given, band, masked, sparse)
            return {"loss": torch.stack(list(losses.values())).sum()} | losses

        curve = fit(
            network,
            step_loss,
            n=n,
            budget=budget,
            seed=seed,
            session=session,
            description="stage 2",
            parts=network.parts(),
        )
        self._network = network
        return curve

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | int | None = None,
        *,
        generator: torch.Generator,
        config: Sample | None = None,
        session: Session | None = None,
    ) -> tuple[Tensor, ...]:
        """Draw tokens of `n` series.

        Parameters
        ----------
        n : int
            Series, > 0.
        y : Tensor or int, optional
            (n,) classes, or one for all; unconditional without.
        generator : torch.Generator
            Source of all randomness, on the CPU.
        config : Sample, optional
            Decoding steps, choice temperatures (`lf` for the first band, `hf` for the others), guidance.
        session : Session, optional
            Shows the progress.

        Returns
        -------
        tuple of Tensor
            (n, N) int64 per band, ids in the codebook, on the network's device.

        Raises
        ------
        DataError
            If a class is unknown.
        UserError
            If the prior is not trained.
        """
        config, session, network = config or Sample(), session or Session(), self.network
        if n < 1:
            raise DataError(f"{n} series cannot be drawn; ask for at least 1")
        classes = self.class_ids(y, n)
        guided = y is not None and config.guidance_scale != 1
        size = _BATCH.get(self.device.type, 256)
        batches = []
        with session.track("sampling tokens", total=n) as task:
            for chunk in classes.split(size):
                batches.append(self._sample_batch(network, chunk.to(self.device), guided, config, generator))
                task.advance(len(chunk))
        columns = zip(*batches, strict=True)
        return tuple(
            codes.to(self.device)[torch.cat(ids)] for codes, ids in zip(self._codes, columns, strict=True)
        )

    def _sample_batch(
        self, network: PriorNetwork, classes: Tensor, guided: bool, config: Sample, generator: torch.Generator
    ) -> list[Tensor]:
        finished: list[Tensor] = []
        for band, n_tokens in enumerate(self.n_tokens):
            choice = config.lf_choice_temperature if band == 0 else config.hf_choice_temperature
            drawn = decode(
                band_logits(network, band, finished, classes, config.guidance_scale if guided else 1.0),
                (len(classes), n_tokens),
                mask_token=network.n_codes[band],
                n_steps=config.steps,
                choice_temperature=choice,
                generator=generator,
                device=classes.device,
            )
            finished.append(drawn)
        return finished

    def save(self, path: Path | str, facts: Mapping[str, Any] | None = None) -> None:
        """Write weights, live codes and configuration; `facts` (JSON) go into the header, too."""
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        tensors |= {f"live.{band}": mask for band, mask in enumerate(self.live)}
        config = {
            "kind": KIND,
            "config": self.config.model_dump(mode="json"),
            "grids": self.grids,
            "n_classes": self.n_classes,
            **(facts or {}),
        }
        save_model(path, tensors, config)

    @classmethod
    def load(cls, path: Path | str, device: torch.device | str = "cpu") -> Self:
        """Read what `save` wrote.

        Raises
        ------
        ArtifactError
            If the file is missing, damaged or holds something else.
        """
        tensors, config = load_model(path)
        if config.get("kind") != KIND:
            raise ArtifactError(f"{path}: holds a '{config.get('kind')}' where a prior is needed")
        grids = [(int(rows), int(columns)) for rows, columns in config["grids"]]
        # Not strict: the header writes 1.0 as 1.
        stage2 = Stage2.model_validate(config["config"], strict=False)
        prior = cls(stage2, grids, [tensors[f"live.{band}"] for band in range(len(grids))], config["n_classes"])
        network = prior._build(seed=0)
        weights = {
            name.removeprefix("network."): tensor
            for name, tensor in tensors.items()
            if name.startswith("network.")
        }
        load_state(network, weights, path)
        prior._network = network.to(device).eval()
        return prior


def band_logits(
    network: PriorNetwork, band: int, finished: Sequence[Tensor], classes: Tensor, guidance_scale: float = 1.0
) -> LogitsFunction:
    """The logits function of one band for `decode`; the context of the finished bands is computed here, once.

    With a guidance scale s other than 1 the logits are null + s (conditional - null), where "null" is the
    network's answer when no class is given (Ho & Salimans, "Classifier-free diffusion guidance", 2022, Eq. 6).

    Parameters
    ----------
    network : PriorNetwork
        In eval mode.
    band : int
        The band to decode.
    finished : sequence of Tensor
        (B, N_i) tokens of the bands before it.
    classes : Tensor
        (B,) int64.
    guidance_scale : float
        s >= 0.

    Returns
    -------
    LogitsFunction
        `Canvas` -> (B, M, V).
    """
    transformer = network.band(band)
    context = network.context(band, finished)
    null = torch.full_like(classes, transformer.classes.num_embeddings - 1)

    def logits(canvas: Canvas) -> Tensor:
        def answer(labels: Tensor) -> Tensor:
            n = len(labels)
            found: Tensor = transformer.head(
                transformer.hidden(canvas.tokens[:n], labels, context, canvas.open[:n])
            )
            return found

        def given(labels: Tensor) -> Tensor:
            if context is not None or canvas.open.shape[1] < canvas.tokens.shape[1]:
                return answer(labels)
            kinds, which = labels.unique(return_inverse=True)  # an empty canvas: rows differ by their class alone
            return answer(kinds)[which]

        if guidance_scale == 1:
            return given(classes)
        unconditional = given(null)
        return torch.lerp(unconditional, given(classes), guidance_scale)

    return logits
