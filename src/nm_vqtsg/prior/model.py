"""Stage 2: a prior over the tokens of all bands, trained on masks and sampled by parallel decoding."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import Field
from torch import Tensor

from nm_vqtsg.errors import DataError, ParameterError, UserError
from nm_vqtsg.nn.batches import BATCH
from nm_vqtsg.nn.quantizer import Codebook
from nm_vqtsg.nn.saved import Header, filled, read, write
from nm_vqtsg.params import Sample, Stage2
from nm_vqtsg.prior.decoding import draw_tokens, redraw_tokens
from nm_vqtsg.prior.network import Grid, PriorNetwork
from nm_vqtsg.prior.quality import BandScore, score
from nm_vqtsg.prior.train import Draw, HeldOut, train
from nm_vqtsg.prior.vocabulary import Vocabulary, take_codebooks
from nm_vqtsg.session import Session
from nm_vqtsg.training.curve import Row
from nm_vqtsg.training.seeds import derive_seed, seeded

# Series decoded at once. On a CPU the logits of a step should stay near the caches, and below the size from
# which the C library hands memory back after each use; a GPU wants to be filled.
_AT_ONCE = {"cpu": 64, "cuda": 1024}
GridSide = Annotated[int, Field(gt=0, le=2**24)]


class PriorHeader(Header):
    """Header of a saved prior: what it is built from, with the live codes among the tensors."""

    kind: Literal["prior"] = "prior"
    config: Stage2
    grids: Annotated[tuple[tuple[GridSide, GridSide], ...], Field(min_length=1, max_length=16)]
    n_classes: Annotated[int, Field(ge=0, le=2**20)]


class Prior:
    """p(tokens | class) of a frozen tokeniser's bands, coarse band first.

    The first band has the network `config.lf`, every later one `config.hf`.

    Parameters
    ----------
    config : Stage2
        Networks, dropout and the budget.
    grids, codebooks
        Of the tokeniser's bands; see `nm_vqtsg.prior.vocabulary`. With `Stage2.embedding` "codes" the networks
        know the codes' vectors, otherwise only which codes live.
    n_classes : int
        0 for unlabelled data; then there is only the unconditional distribution.

    Attributes
    ----------
    vocabulary : Vocabulary
        Its tokens: the live codes.
    held_out : HeldOut or None
        How `fit` did on the series that it held out, if it held out any; not saved.
    """

    def __init__(
        self, config: Stage2, grids: Sequence[Grid], codebooks: Sequence[Codebook], n_classes: int
    ) -> None:
        self.config, self.n_classes = config, n_classes
        self.vocabulary = Vocabulary(grids, codebooks)
        self.held_out: HeldOut | None = None
        self._network: PriorNetwork | None = None

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

    def _build(self) -> PriorNetwork:
        vocabulary, config = self.vocabulary, self.config
        shapes = [config.lf if band == 0 else config.hf for band in range(len(vocabulary.grids))]
        codes = vocabulary.vectors() if config.embedding == "codes" else None
        return PriorNetwork(vocabulary.sizes, vocabulary.grids, self.n_classes, shapes, config.dropout, codes)

    def is_of(self, grids: Sequence[Grid], codebooks: Sequence[Codebook]) -> bool:
        """Whether it was built for these grids and codes, as far as it knows them."""
        return self.vocabulary.is_of(grids, codebooks, self.config.embedding == "codes")

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
            classes = (
                f"0 to {self.n_classes - 1}" if self.n_classes else "none, since it was trained without labels"
            )
            raise DataError(f"class {unknown} is unknown to the prior; its classes are {classes}")
        return labels

    def fit(
        self,
        tokens: Sequence[Tensor],
        y: Tensor | None,
        seed: int = 0,
        session: Session | None = None,
        draw: Draw | None = None,
    ) -> list[Row]:
        """Train from scratch on tokens that were computed once; see `nm_vqtsg.prior.train`.

        Parameters
        ----------
        tokens : sequence of Tensor
            (n, N) int64 per band, ids in the codebook.
        y : Tensor, optional
            (n,) int64 classes.
        seed, session
            From which seed, in which surroundings.
        draw : callable, optional
            ``(rows, rng)`` -> tokens of these rows of `tokens`, drawn at the temperature `Stage2.svq_tau`, ids in
            the codebook, on the session's device; see `nm_vqtsg.svq.variants.StochasticVariants.tokens`. Needed
            where that is not 0, and not used where it is.

        Returns
        -------
        list of dict
            The loss curve, with a column ``loss_<band>`` for each band; with `Stage2.validation_fraction` also
            ``validation_loss`` and ``validation_loss_<band>``.

        Raises
        ------
        DataError
            If tokens or classes do not fit.
        ParameterError
            If tokens are to be drawn, and nothing draws them.
        TrainingError
            If a loss is not finite.
        """
        session = session or Session()
        device = session.device
        if self.config.svq_tau and draw is None:
            raise ParameterError(
                "stage2.svq_tau: tokens of TRAIN are to be drawn, but nothing was given that draws them; "
                "set it to 0, or give `draw`"
            )
        ids = tuple(of_band.to(device) for of_band in self.vocabulary.ids(tokens))
        classes = self.class_ids(y, len(ids[0])).to(device)
        network = seeded(derive_seed(seed, "prior"), self._build).to(device)
        fresh = self._in_vocabulary(draw, device) if self.config.svq_tau and draw is not None else None
        curve, self.held_out = train(network, ids, classes, self.config, seed, session, fresh)
        self._network = network
        return curve

    def _in_vocabulary(self, draw: Draw, device: torch.device) -> Draw:
        """What `draw` gives, as ids in the vocabulary; unchecked, since it is called at every step."""
        ids = self.vocabulary.places(device)
        return lambda rows, rng: [own[band] for own, band in zip(ids, draw(rows, rng), strict=True)]

    def score(self, tokens: Sequence[Tensor], y: Tensor | None, seed: int) -> tuple[BandScore, ...]:
        """How well masked tokens are filled, per band; see `nm_vqtsg.prior.quality`.

        Parameters
        ----------
        tokens : sequence of Tensor
            (n, N) int64 per band, ids in the codebook.
        y : Tensor, optional
            (n,) classes to condition on; none for the unconditional distribution.
        seed : int
            Seed of the masks.
        """
        ids = tuple(of_band.to(self.device) for of_band in self.vocabulary.ids(tokens))
        return score(self.network, ids, self.class_ids(y, len(ids[0])).to(self.device), seed)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | int | None = None,
        *,
        rng: torch.Generator,
        config: Sample | None = None,
        session: Session | None = None,
        given: Sequence[Tensor] = (),
    ) -> tuple[Tensor, ...]:
        """Draw tokens of `n` series.

        Parameters
        ----------
        n : int
            Series, > 0.
        y : Tensor or int, optional
            (n,) classes, or one for all; unconditional without.
        rng : torch.Generator
            Source of all randomness, on the CPU.
        config : Sample, optional
            Decoding steps, temperatures (`lf` for the first band, `hf` for the others), guidance.
        session : Session, optional
            Shows the progress.
        given : sequence of Tensor
            (n, N) int64 tokens of the first bands, ids in the codebook: the later bands are drawn to go with them.

        Returns
        -------
        tuple of Tensor
            (n, N) int64 per band, ids in the codebook, on the network's device.

        Raises
        ------
        DataError
            If a class is unknown, or the given tokens do not fit.
        UserError
            If the prior is not trained.
        """
        config, session, network = config or Sample(), session or Session(), self.network
        if n < 1:
            raise DataError(f"{n} series cannot be drawn; ask for at least 1")
        n_bands = len(self.vocabulary.grids)
        if len(given) > n_bands or any(len(ids) != n for ids in given):
            raise DataError(
                f"{n} series cannot go with {len(given)} bands' tokens of {[len(ids) for ids in given]} series; "
                f"give those of the first of {n_bands} bands, of every series"
            )
        classes, known = self.class_ids(y, n), self.vocabulary.ids(given, part=True)
        guided = y is not None and config.guidance_scale != 1

        def draw(some: Tensor, known: Sequence[Tensor]) -> list[Tensor]:
            return draw_tokens(network, some, config, guided, rng, known)

        return self._drawn(draw, classes, known, session, "sampling tokens")

    @torch.no_grad()
    def redraw(
        self,
        tokens: Sequence[Tensor],
        y: Tensor | None = None,
        *,
        rng: torch.Generator,
        config: Sample | None = None,
        session: Session | None = None,
    ) -> tuple[Tensor, ...]:
        """Draw a part of given tokens anew, given the others, their share `Sample.redraw_fraction`.

        Parameters
        ----------
        tokens : sequence of Tensor
            (n, N) int64 per band, ids in the codebook; every one a live code.
        y : Tensor, optional
            (n,) classes of the series.
        rng, config, session
            As for `sample`.

        Returns
        -------
        tuple of Tensor
            As of `sample`, series by series.

        Raises
        ------
        DataError
            If tokens or classes do not fit.
        UserError
            If the prior is not trained.
        """
        config, session, network = config or Sample(), session or Session(), self.network
        ids = self.vocabulary.ids(tokens)
        classes = self.class_ids(y, len(ids[0]))
        guided = y is not None and config.guidance_scale != 1

        def draw(some: Tensor, known: Sequence[Tensor]) -> list[Tensor]:
            return redraw_tokens(network, known, some, config, guided, rng)

        return self._drawn(draw, classes, ids, session, "drawing tokens anew")

    def _drawn(
        self,
        draw: Callable[[Tensor, Sequence[Tensor]], Sequence[Tensor]],
        classes: Tensor,
        known: Sequence[Tensor],
        session: Session,
        what: str,
    ) -> tuple[Tensor, ...]:
        """What `draw` gives for classes and known tokens, batch by batch, as ids in the codebook."""
        at_once = _AT_ONCE.get(self.device.type, BATCH)
        batches = []
        with session.track(what, total=len(classes)) as task:
            for some, *tokens in zip(*(each.split(at_once) for each in (classes, *known)), strict=True):
                batches.append(draw(some.to(self.device), [band.to(self.device) for band in tokens]))
                task.advance(len(some))
        return self.vocabulary.codes([torch.cat(ids) for ids in zip(*batches, strict=True)])

    def save(self, path: Path | str, facts: Mapping[str, Any] | None = None) -> None:
        """Write weights, live codes and configuration; `facts` (JSON) go into the header, too."""
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        tensors |= self.vocabulary.tensors(self.config.embedding == "codes")
        header = PriorHeader(
            config=self.config, grids=self.vocabulary.grids, n_classes=self.n_classes, facts=dict(facts or {})
        )
        write(path, header, tensors)

    @classmethod
    def load(cls, path: Path | str, device: torch.device | str = "cpu") -> Self:
        """Read what `save` wrote.

        Raises
        ------
        ArtifactError
            If the file is missing, damaged or holds something else.
        """
        header, tensors = read(path, PriorHeader, "run stage2")
        books = take_codebooks(path, len(header.grids), tensors, header.config.embedding == "codes")
        prior = cls(header.config, header.grids, books, header.n_classes)
        weights = {name.removeprefix("network."): tensor for name, tensor in tensors.items()}
        prior._network = filled(path, prior._build, weights).to(device)
        return prior
