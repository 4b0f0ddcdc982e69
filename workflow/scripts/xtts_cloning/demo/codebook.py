"""Audio codes for the demo's model: a DVAE whose weights are constructed, not trained.

Speech of one code differs from speaker to speaker; what it says does not. So the codes are k-means centroids of a
projection that tells flite's phones apart whoever speaks (linear discriminant analysis), and the voice is left to the
GPT's conditioning. A code hears the two slots after its own as well, and stands for the middle one of the three: the
latent that predicts code k + 1 has heard code k, so it knows what the vocoder must say in slot k + 1.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from xtts_cloning.model.library import DiscreteVAE
from xtts_cloning.synthetic.corpus import Clip

HEARD_SLOTS = 3
SLOT = 320  # values: four mel frames of 80
CODES = 512  # of the library's 1,024; the others stand too far away to be chosen
PRINCIPAL = 128  # components of three slots that the discriminant analysis starts from
DISCRIMINANTS = 36
LOUDNESS = 4  # principal components that are kept beside the discriminants
FAR = 1e3
OFFSET = 4.0  # added to the mels, so that they pass through ReLU unchanged; they lie in -0.5..2.4


class Codebook(NamedTuple):
    mean: Tensor  # [960], of three slots
    projection: Tensor  # [960, DISCRIMINANTS + LOUDNESS]
    centroids: Tensor  # [CODES, DISCRIMINANTS + LOUDNESS]


def heard(clip: Clip) -> np.ndarray:
    """float32 [codes, 960]: what each code hears."""
    mel = clip.mel.astype(np.float32)
    return np.concatenate([mel[n : n + clip.codes] for n in range(HEARD_SLOTS)], axis=1)


def fit(clips: list[Clip], seed: int) -> Codebook:
    patches = np.concatenate([heard(clip) for clip in clips])
    # a phone in its beginning, middle and end is three sounds: classes are pairs of the phone now and the one before
    classes = np.concatenate([_classes(clip) for clip in clips])
    mean = patches.mean(0)
    patches -= mean
    _, vectors = np.linalg.eigh(np.cov(patches[::2].T))
    principal = vectors[:, ::-1][:, :PRINCIPAL]
    reduced = patches @ principal
    discriminants = _discriminants(reduced, classes)
    loudness = np.eye(PRINCIPAL, LOUDNESS) * 0.7 / reduced[:, :LOUDNESS].std(0)
    projection = (principal @ np.concatenate([discriminants, loudness], 1)).astype(np.float32)
    projected = torch.from_numpy(patches @ projection)
    return Codebook(torch.from_numpy(mean), torch.from_numpy(projection), _centroids(projected, seed))


def _classes(clip: Clip) -> np.ndarray:
    """int64 [codes]: the phone of the middle slot and that of the slot after it."""
    phones = clip.phones.astype(np.int64)
    return phones[1 : clip.codes + 1] * 64 + phones[2 : clip.codes + 2]


def _discriminants(rows: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """[PRINCIPAL, DISCRIMINANTS]: within a class of unit variance, more the more they tell classes apart."""
    _, classes, counts = np.unique(classes, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), rows.shape[1]))
    np.add.at(sums, classes, rows)
    means = sums / counts[:, None]
    inside = rows - means[classes]
    within = inside.T @ inside / len(rows)
    between = (means * counts[:, None]).T @ means / len(rows)
    values, vectors = np.linalg.eigh(within + 1e-4 * np.trace(within) / len(within) * np.eye(len(within)))
    whitening = vectors / np.sqrt(values)
    values, vectors = np.linalg.eigh(whitening.T @ between @ whitening)
    values, vectors = values[::-1][:DISCRIMINANTS], vectors[:, ::-1][:, :DISCRIMINANTS]
    return whitening @ vectors * np.sqrt(values / (1 + values))


def _centroids(points: Tensor, seed: int, rounds: int = 30) -> Tensor:
    """k-means from random points; a centroid that no point is nearest to starts again at another random point."""
    generator = torch.Generator().manual_seed(seed)
    centroids = points[torch.randperm(len(points), generator=generator)[:CODES]].clone()
    for _ in range(rounds):
        nearest = _nearest(points, centroids)
        sums = torch.zeros_like(centroids).index_add_(0, nearest, points)
        counts = torch.bincount(nearest, minlength=CODES)
        others = points[torch.randint(len(points), (CODES,), generator=generator)]
        centroids = torch.where(counts[:, None] > 0, sums / counts[:, None].clamp(min=1), others)
    return centroids


def codes(book: Codebook, clips: list[Clip]) -> list[Tensor]:
    """long [codes] of each clip: what the constructed DVAE makes of it."""
    patches = torch.from_numpy(np.concatenate([heard(clip) for clip in clips]))
    nearest = _nearest((patches - book.mean) @ book.projection, book.centroids)
    return list(nearest.split([clip.codes for clip in clips]))


def _nearest(points: Tensor, centroids: Tensor) -> Tensor:
    half_norms = (centroids**2).sum(1) / 2
    return torch.cat([(part @ centroids.T - half_norms).argmax(1) for part in points.split(8192)])


@torch.no_grad()
def write_into(dvae: DiscreteVAE, book: Codebook) -> None:
    """Give the library's DVAE the weights that make these codes; its decoder, which nobody uses, becomes zero.

    Its two strided convolutions gather a slot's four frames side by side. The first residual block then puts the next
    two slots beside them, with the shift that HEARD_SLOTS needs; the rest passes through.
    """
    for parameter in dvae.parameters():
        parameter.zero_()
    first, second, block, project = dvae.encoder[0][0], dvae.encoder[1][0], dvae.encoder[2], dvae.encoder[-1]
    half, one = torch.eye(80), torch.eye(SLOT)
    # kernels of three with stride two: tap 1 is frame 2k, tap 2 frame 2k + 1
    first.weight[:80, :, 1], first.weight[80:160, :, 2] = half, half
    first.bias[:160] = OFFSET
    pair = torch.eye(160)
    second.weight[:160, :160, 1], second.weight[160:320, :160, 2] = pair, pair
    # inside the block: x[k] and x[k + 1], then x[k + 1] and x[k + 2], which join x[k] in channels of their own
    ahead, further, join = (layer for layer in block.net if hasattr(layer, "weight"))
    ahead.weight[:SLOT, :SLOT, 2] = one
    further.weight[:SLOT, :SLOT, 1], further.weight[SLOT : 2 * SLOT, :SLOT, 2] = one, one
    join.weight[SLOT : 3 * SLOT, : 2 * SLOT, 0] = torch.eye(2 * SLOT)
    width = book.projection.shape[1]
    project.weight[:width, : HEARD_SLOTS * SLOT, 0] = book.projection.T
    project.bias[:width] = -(book.mean + OFFSET) @ book.projection
    dvae.codebook.embed.zero_()
    dvae.codebook.embed[:width, :CODES] = book.centroids.T
    dvae.codebook.embed[:width, CODES:] = FAR
    dvae.codebook.embed_avg.copy_(dvae.codebook.embed)
    dvae.codebook.cluster_size.fill_(1.0)


def phone_information(book: Codebook, clips: list[Clip]) -> tuple[float, float]:
    """Bits that a code tells about the phone of its middle slot, and the phones' entropy."""
    said = np.concatenate([clip.phones[1 : clip.codes + 1] for clip in clips]).astype(np.int64)
    heard_as = torch.cat(codes(book, clips)).numpy()
    joint = np.zeros((CODES, 64))
    np.add.at(joint, (heard_as, said), 1)
    joint /= joint.sum()

    def entropy(shares: np.ndarray) -> float:
        return float(-(shares[shares > 0] * np.log2(shares[shares > 0])).sum())

    return entropy(joint.sum(0)) + entropy(joint.sum(1)) - entropy(joint), entropy(joint.sum(0))
