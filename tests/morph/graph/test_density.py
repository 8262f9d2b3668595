from __future__ import annotations

import pytest
import torch

from morph_cl.morph.concepts import Concepts
from morph_cl.morph.graph import Signature, signatures


def test_signatures_say_where_each_concept_lies_and_how_large_it_is() -> None:
    torch.manual_seed(0)
    concepts = Concepts(classes=3, dims=2, shrink=0.01)
    concepts.add_expert()
    concepts.add_expert()
    x = torch.randn(400, 2)
    concepts.fit_projection(x)
    concepts.observe(0, x, torch.zeros(400, dtype=torch.int64))
    concepts.observe(1, torch.cat([x + 3.0, 0.1 * x]), torch.tensor([1] * 400 + [2] * 400))
    found = signatures(concepts)
    assert [set(known) for known in found] == [{0}, {1, 2}]
    mean, covariance, _ = concepts.gaussians()
    assert found[1][1].mean == pytest.approx(mean[1, 1].tolist(), abs=1e-4)
    assert found[1][1].log_volume == pytest.approx(0.5 * float(torch.logdet(covariance[1, 1])), abs=1e-3)
    assert found[1][2].log_volume < found[1][1].log_volume


def test_a_signature_survives_its_text() -> None:
    signature = Signature((0.1234, -1e-4, 3.0), -2.5)
    assert Signature.parse(signature.text, -2.5) == signature
