"""Calls an extractor on bytes, as the reading process does on a file."""

from __future__ import annotations

import io

import pytest

from actors.extracting.extractor import Extractor, Limits
from actors.extracting.outcomes import Extracted, Reason, Unextractable


def read(extractor: Extractor, content: bytes, limits: Limits | None = None) -> Extracted:
    """What it gives."""
    return extractor.extract(io.BytesIO(content), limits or Limits())


def refusal(extractor: Extractor, content: bytes, limits: Limits | None = None) -> Reason:
    """Why it gives nothing; fails if it gives something."""
    with pytest.raises(Unextractable) as caught:
        read(extractor, content, limits)
    assert caught.value.message
    return caught.value.reason
