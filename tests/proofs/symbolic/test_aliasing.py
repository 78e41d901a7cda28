"""A vector is in one field: what would put it into two is refused, or claimed and not proved."""

import pytest
import z3
from librt.vecs import vec
from mypy_extensions import i64

from spanproof.decide.prover import decide
from spanproof.prove.methods import Fields
from spanproof.prove.proof import Obligation, Proof
from spanproof.symbolic.aliasing import require_own_vectors
from spanproof.symbolic.bitvectors import Signed
from spanproof.symbolic.text.errors import NotTranslatable, UnsupportedConstruct


class Two:
    """Two vectors; `swap_in` gives one to the other field, and makes a new one there."""

    def __init__(self, length: i64) -> None:
        self.one = vec[i64]([0] * length)
        self.other = vec[i64]([0] * length)

    def write(self) -> None:
        """Store in the first: the other one stays as it is."""
        self.one[0] = 1

    def swap_in(self) -> None:
        """Let the first be what the other was."""
        self.one = self.other
        self.other = vec[i64]([0] * len(self.one))


class Shared:
    """A class of which a method leaves one vector in two fields."""

    def __init__(self, length: i64) -> None:
        self.one = vec[i64]([0] * length)
        self.other = vec[i64]([0] * length)

    def write(self) -> None:
        """Store in the first: the other one stays as it is."""
        self.one[0] = 1

    def share(self) -> None:
        """Put one vector into both fields."""
        self.one = self.other


class SharedAtTimes:
    """The same, on one branch."""

    def __init__(self, length: i64) -> None:
        self.one = vec[i64]([0] * length)
        self.other = vec[i64]([0] * length)

    def write(self) -> None:
        """Store in the first: the other one stays as it is."""
        self.one[0] = 1

    def share(self, when: bool) -> None:
        """Put one vector into both fields, sometimes."""
        if when:
            self.one = self.other
        else:
            self.other = vec[i64]([0] * len(self.one))


class SharedByAName:
    """The same, by a name."""

    def __init__(self, length: i64) -> None:
        self.one = vec[i64]([0] * length)
        self.other = vec[i64]([0] * length)

    def write(self) -> None:
        """Store in the first: the other one stays as it is."""
        self.one[0] = 1

    def share(self) -> None:
        """Put one vector into both fields."""
        known = self.other
        self.one = known


class SharedByATuple:
    """The same, by a tuple."""

    def __init__(self, length: i64) -> None:
        self.one = vec[i64]([0] * length)
        self.other = vec[i64]([0] * length)

    def write(self) -> None:
        """Store in the first: the other one stays as it is."""
        self.one[0] = 1

    def share(self) -> None:
        """Put one vector into both fields."""
        self.one, self.other = self.other, self.other


class Base:
    """A class that does nothing with its vectors; one derived from it does."""

    def __init__(self, length: i64) -> None:
        self.one = vec[i64]([0] * length)
        self.other = vec[i64]([0] * length)

    def write(self) -> None:
        """Store in the first: the other one stays as it is."""
        self.one[0] = 1


class Derived(Base):
    """Whoever is given a `Base` may have one of these."""

    def share(self) -> None:
        """Put one vector into both fields."""
        self.one = self.other


class SharedFromOutside:
    """A method that puts a vector into another object."""

    def __init__(self, length: i64) -> None:
        self.one = vec[i64]([0] * length)
        self.other = vec[i64]([0] * length)

    def write(self) -> None:
        """Store in the first: the other one stays as it is."""
        self.one[0] = 1

    def share(self, other: Two) -> None:
        """Put a vector of this object into another one."""
        other.one = self.one


class One:
    """A single vector is in no other field."""

    def __init__(self, words: i64) -> None:
        self.words = vec[i64]([0] * words)

    def forget(self, words: "vec[i64]") -> None:
        """Take another one."""
        self.words = words


SHARING = (Shared, SharedAtTimes, SharedByAName, SharedByATuple, SharedFromOutside, Base)


@pytest.mark.parametrize("kind", SHARING)
def test_a_class_that_may_put_one_vector_into_two_fields_is_refused(kind: type) -> None:
    with pytest.raises(NotTranslatable, match=r"share may leave one vector in two fields"):
        require_own_vectors(kind)
    fields = Fields(Proof(Signed(64)), kind, "it")
    with pytest.raises(UnsupportedConstruct, match=r"share may leave one vector in two fields"):
        fields.run("write")


@pytest.mark.parametrize("kind", [Two, One])
def test_a_class_whose_vectors_are_its_own_is_not(kind: type) -> None:
    require_own_vectors(kind)


def first_is_written(p: Proof) -> None:
    """Storing in one vector leaves the other as it is."""
    fields = Fields(p, Two, "it")
    before = fields.words("other").get(z3.BitVecVal(0, 64))
    p.assume(fields.words("one").length > 0, fields.words("other").length > 0)
    fields.run("swap_in")
    fields.run("write")
    p.show("the other is as new", fields.words("other").get(z3.BitVecVal(0, 64)) == 0)
    p.show("the first was written", fields.words("one").get(z3.BitVecVal(0, 64)) == 1)
    p.possible("the other was something", before != 0)


def test_what_is_kept_apart_is_proved() -> None:
    claim = Obligation("two", (), "claim", Signed(64), first_is_written, {}, {})
    assert decide(claim).proved


def test_two_fields_with_one_vector_are_a_claim_that_does_not_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The text is looked at as well; here it is not, so that the claim alone has to notice.
    monkeypatch.setattr("spanproof.symbolic.translate.require_own_vectors", lambda kind: None)
    p = Proof(Signed(64))
    Fields(p, Shared, "it").run("share")
    (claim,) = (one for one in p.queries if "hold two vectors" in one.label)
    assert claim.label == "Shared.share: one and other hold two vectors"
    assert z3.is_false(z3.simplify(claim.goal))


def test_python_would_write_both() -> None:
    shared = Shared(1)
    shared.share()
    shared.write()
    assert shared.other[0] == 1
