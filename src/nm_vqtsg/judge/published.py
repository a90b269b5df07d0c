"""The judges behind the paper's figures: FCNs that its authors trained on the UCR archive's sets and published.

Their package supervised-fcn-2 loads them from one zip on figshare, which holds ``<data set>.ckpt`` for each of the
archive's sets. They are pickles, so they are read without running what they say, by torch's own restricted reader,
and only after a look at their size.
"""

import io
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from nm_vqtsg.datasets.archive import SIZES, check_name
from nm_vqtsg.datasets.fetch import CACHE_VARIABLE, default_cache, download
from nm_vqtsg.datasets.zips import extract_one
from nm_vqtsg.errors import ArtifactError, DataError, shown
from nm_vqtsg.files import open_file
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.judge.network import FCN
from nm_vqtsg.nn.saved import filled
from nm_vqtsg.params import Fcn
from nm_vqtsg.session import Session

PUBLISHED = "published"
PREFIX = f"{PUBLISHED}:"  # of what names a published judge where a file could stand
URL = "https://figshare.com/ndownloader/files/47212990"
FILE = "figshare_47212990.zip"
SUFFIX = ".ckpt"
MAX_CHECKPOINT = 2**26  # bytes; 1.3 million weights are 5 MB
_AGAIN = "delete it and download it again"
_OTHERWISE = (
    f"or put the published weights into a folder and name it as fcn.source (for evaluate: {CACHE_VARIABLE})"
)


def load_published(dataset: str, config: Fcn, session: Session, cache: Path | None = None) -> Judge:
    """The published judge of one of the archive's data sets.

    Parameters
    ----------
    dataset : str
        Its name.
    config : Fcn
        `source` is ``published``, or a folder that holds the zip or the .ckpt files.
    session : Session
        Device and progress.
    cache : Path, optional
        Where the download is kept; its SHA-256 is recorded there the first time.

    Raises
    ------
    DataError
        If there is none, it cannot be had, or a zip is damaged or hostile.
    ArtifactError
        If it is no checkpoint of such a network.
    """
    check_name(dataset)
    if dataset not in SIZES:
        raise DataError(f"{dataset}: only the UCR archive's 128 data sets have a published judge")
    member = dataset + SUFFIX
    if config.source == PUBLISHED:
        archive = (cache or default_cache()) / FILE
        zips = [download(URL, archive, track=session.track, otherwise=_OTHERWISE)]
    else:
        folder = Path(config.source)
        if not folder.is_dir():
            raise DataError(
                f"fcn.source: {shown(config.source)} is neither a folder nor own or published; correct it"
            )
        if (folder / member).is_file():
            return load_checkpoint(folder / member, config, session)
        zips = sorted(folder.glob("*.zip"))
    with tempfile.TemporaryDirectory(prefix="nm-vqtsg-") as here:
        for archive in zips:
            extracted = extract_one(archive, member, Path(here))
            if extracted is not None:
                return load_checkpoint(extracted, config, session, f"{archive}: {member}")
    where = zips[0] if config.source == PUBLISHED else config.source
    raise DataError(
        f"{where}: holds no {member}; fcn.source wants the published weights, as .ckpt files or their zip"
    )


def load_given(path: Path, config: Fcn, session: Session) -> tuple[Judge, str]:
    """The judge that a user names, and how to call it.

    Parameters
    ----------
    path : Path
        ``published:<data set>``, a published .ckpt file, or what `Judge.save` wrote.

    Raises
    ------
    DataError, ArtifactError
        If it cannot be read.
    """
    name = str(path)
    if name.startswith(PREFIX):
        dataset = name.removeprefix(PREFIX)
        config = config.model_copy(update={"source": PUBLISHED})
        return load_published(dataset, config, session), f"published by the paper's authors, of {dataset}"
    if path.suffix == SUFFIX:
        return load_checkpoint(path, config, session), f"published by the paper's authors ({path.name})"
    return Judge.load(path, session.device), f"given ({path.name})"


def load_checkpoint(path: Path, config: Fcn, session: Session, shown_as: str = "") -> Judge:
    """A judge from a .ckpt file of supervised-fcn-2.

    Raises
    ------
    ArtifactError
        If it is something else, damaged or hostile.
    """
    where = shown_as or str(path)
    state = _read(path, where)
    try:
        n_classes, channels = len(state["final.weight"]), state["layers.0.layers.0.weight"].shape[1]
    except (KeyError, TypeError, IndexError) as error:
        raise ArtifactError(f"{where}: holds no FCN of supervised-fcn-2; name one of its .ckpt files") from error
    config = config.model_copy(update={"source": PUBLISHED})
    tensors = {ours: state.pop(theirs) for ours, theirs in _names().items() if theirs in state} | state
    tensors = {name: _plane(tensor) if tensor.ndim == 3 else tensor for name, tensor in tensors.items()}
    network = filled(where, lambda: FCN(channels, n_classes, config.dropout), tensors, _AGAIN)
    return Judge(config, channels, n_classes, network.to(session.device))


def _plane(weight: Tensor) -> Tensor:
    """Of a convolution in time (o, i, k) -> in a plane of height one (o, i, 1, k)."""
    return weight.unsqueeze(2)


def _names() -> dict[str, str]:
    """Our names of weights to those of the published network."""
    with torch.device("meta"):
        network = FCN(1, 1, 0.0)
    names = {}
    for kind, position in ((nn.Conv2d, 0), (nn.BatchNorm2d, 1)):
        layers = [(name, layer) for name, layer in network.blocks.named_children() if isinstance(layer, kind)]
        for block, (name, layer) in enumerate(layers):
            # theirs lie at every other place, with dropout between them
            for entry in layer.state_dict():
                names[f"blocks.{name}.{entry}"] = f"layers.{2 * block}.layers.{position}.{entry}"
    return names | {f"head.{entry}": f"final.{entry}" for entry in network.head.state_dict()}


def _read(path: Path, where: str) -> dict[str, Tensor]:
    """Named tensors, which together are no larger than the file.

    Raises
    ------
    ArtifactError
        If the file is anything else.
    """
    try:
        with open_file(path, ArtifactError) as file:
            data = file.read(MAX_CHECKPOINT + 1)
    except FileNotFoundError as error:
        raise ArtifactError(f"{where}: no such file; correct the path") from error
    if len(data) > MAX_CHECKPOINT:
        raise ArtifactError(f"{where}: holds more than {MAX_CHECKPOINT >> 20} MiB; this is no published judge")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as members:  # torch stores without packing
            unpacked = sum(member.file_size for member in members.infolist())
        state = (
            torch.load(io.BytesIO(data), map_location="cpu", weights_only=True) if unpacked <= len(data) else None
        )
    except MemoryError:
        raise
    except Exception as error:  # a hostile pickle may end in any of them
        raise ArtifactError(f"{where}: is no checkpoint of tensors alone, or damaged; {_AGAIN}") from error
    if not isinstance(state, Mapping) or not all(map(_plain, state.values())):
        raise ArtifactError(f"{where}: is no checkpoint of tensors alone; {_AGAIN}")
    if sum(tensor.numel() * tensor.element_size() for tensor in state.values()) > len(data):
        raise ArtifactError(f"{where}: its tensors claim more than it holds; do not trust this file")
    return {str(name): tensor for name, tensor in state.items()}


def _plain(value: object) -> bool:
    """Whether it is a tensor of numbers in memory, and of no special kind."""
    return (
        type(value) is Tensor
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
    )
