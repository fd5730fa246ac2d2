"""Stored numbers to float32 and back, against torch."""

from __future__ import annotations

import numpy as np
import torch

from holdfast.models import stored_numbers


def test_a_mean_of_halves_rounds_ties_to_even():
    values = np.array([1.00390625, 1.01171875, -1.00390625, 3.4028235e38, np.inf, -0.0, 1e-40, 0.1], np.float32)
    packed = np.empty(values.size * 2, np.uint8)
    stored_numbers.from_float32(values, "BF16", packed, np.empty(values.size, np.uint32), True)
    expected = torch.from_numpy(values).to(torch.bfloat16).view(torch.int16).numpy()
    assert (packed.view(np.int16) == expected).all()
    assert stored_numbers.fits(values[:3], "BF16") and not stored_numbers.fits(values[:4], "BF16")
    assert not stored_numbers.fits(values[:5], "F32") and not stored_numbers.fits(
        np.array([65520.0], np.float32), "F16"
    )
    assert stored_numbers.fits(np.array([65519.0], np.float32), "F16")


def test_nan_stays_nan():
    values = np.array([0x7F800001, 0xFFFFFFFF, 0x7FC00000, 0x3F800000], np.uint32).view(np.float32)
    packed = np.empty(values.size * 2, np.uint8)
    stored_numbers.from_float32(values, "BF16", packed, np.empty(values.size, np.uint32), False)
    back = stored_numbers.as_float32(packed, "BF16", np.empty(values.size, np.float32))
    assert np.isnan(back).tolist() == [True, True, True, False]


def test_every_bfloat16_survives_the_way_there_and_back():
    raw = np.arange(1 << 16, dtype=np.uint16)
    floats = stored_numbers.as_float32(raw.view(np.uint8), "BF16", np.empty(raw.size, np.float32))
    expected = torch.from_numpy(raw.view(np.int16)).view(torch.bfloat16).float().numpy()
    assert (floats.view(np.uint32) == expected.view(np.uint32)).all()
    finite = ~np.isnan(floats)
    back = stored_numbers.from_float32(
        floats, "BF16", np.empty(raw.size * 2, np.uint8), np.empty(raw.size, np.uint32), False
    )
    assert (back.view(np.uint16)[finite] == raw[finite]).all()
