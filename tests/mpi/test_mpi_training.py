"""Training finds what is known of a generated population, without being told who is who."""

from hie.mpi.features import of_patient
from hie.mpi.model import build, shipped
from hie.mpi.population import population
from hie.mpi.registration_file import patient
from hie.mpi.training import train


def test_learned_weights_are_sensible() -> None:
    rows = list(population("town", 1500, 5))
    plain = train(
        [of_patient(patient(row)) for row in rows], shipped(), version="test", sample=20_000
    )
    model = build(plain)
    assert model.version == "test"
    for field, best in (("name", "exact"), ("birth", "exact"), ("card", "same"), ("sex", "same")):
        weights = model.bits[field]
        assert weights[best] > 0 > weights["different"], field
    assert model.bits["home"]["both"] <= 8.05
    # Town clerks mistype four sexes in a thousand, on either side of a pair.
    assert 0.002 < model.m["sex"]["different"] < 0.03
    assert abs(sum(model.m["birth"].values()) - 1) < 0.05
