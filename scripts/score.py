"""Compares pairs of sounds with what was said; see score.sh."""

import pathlib
import sys

import numpy
from pesq import pesq
from pystoi import stoi
from scipy.signal import resample_poly

RATE = 16_000
PESQ_BELOW, STOI_BELOW = 0.2, 0.03


def read(path):
    return resample_poly(numpy.fromfile(path, dtype="<f4"), RATE, 48_000)


def aligned(said, heard):
    """Without the codec's delay, to the sample."""
    size = 1 << (len(said) + len(heard)).bit_length()
    likeness = numpy.fft.irfft(numpy.fft.rfft(heard, size) * numpy.conj(numpy.fft.rfft(said, size)))
    heard = heard[int(numpy.argmax(likeness[: RATE // 5])) :]
    length = min(len(said), len(heard))
    return said[:length], heard[:length]


def scores(said, path):
    said, heard = aligned(said, read(path))
    return pesq(RATE, said, heard, "wb"), stoi(said, heard, RATE)


folder = pathlib.Path(sys.argv[1])
said = read(folder / "said.f32")
is_good = True
print(f"{'':22}{'PESQ':>7}{'libopus':>9}{'STOI':>8}{'libopus':>9}")
for path in sorted(folder.glob("*.ours.f32")):
    name = path.name.removesuffix(".ours.f32")
    (our_pesq, our_stoi), (their_pesq, their_stoi) = (
        scores(said, folder / f"{name}.{who}.f32") for who in ("ours", "libopus")
    )
    print(f"{name:22}{our_pesq:7.2f}{their_pesq:9.2f}{our_stoi:8.3f}{their_stoi:9.3f}")
    is_good &= our_pesq >= their_pesq - PESQ_BELOW and our_stoi >= their_stoi - STOI_BELOW
sys.exit(0 if is_good else "worse than libopus with the same packets")
