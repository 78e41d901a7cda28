"""Mutants of the steps by which special records come and go."""

from spanproof.patch.mutant import Variant, variants_of

SPECIAL_STEP_MUTANTS = (
    *variants_of(
        "spanspec.heap.state.specials.may_add",
        Variant(
            "record-of-a-free-slot",
            "        and is_allocated(at.found, slot)\n",
            "",
            "specials.given",
            "a free slot gets a record, which the next object there finds",
        ),
        Variant(
            "no-finalizer-at-the-start",
            "it < 0",
            "it < 1",
            "specials.given",
            "the first object of a span gets no finalizer",
        ),
        Variant(
            "record-given-twice",
            " or is_there(at, it)",
            "",
            "specials.given",
            "an address gets a second record of a kind",
        ),
        Variant(
            "record-in-another-slot",
            "slot == obj_index(at.found, address_of(at, it))",
            "slot >= obj_index(at.found, address_of(at, it))",
            "specials.given",
            "a record goes by the marks of another object",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.specials.may_remove",
        Variant(
            "profile-record-removed",
            " and kind_of(it) == FINALIZER",
            "",
            "specials.given",
            "a program takes away the profile record of its object",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.specials.without",
        Variant(
            "record-not-taken-out",
            "SlotSpecial(False, slot)",
            "SlotSpecial(True, slot)",
            "specials.given",
            "a record stays for ever",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.specials.may_queue",
        Variant(
            "living-object-finalized",
            "        and not was_marked(at, it)\n",
            "",
            "specials.swept",
            "the finalizer of a living object is due",
        ),
        Variant(
            "finalizer-due-twice",
            "        and not at.due[address_of(at, it)]\n",
            "",
            "specials.swept",
            "a finalizer is due twice",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.specials.queue",
        Variant(
            "saved-block-not-marked",
            "span=set_marked(at.span, slot)",
            "span=at.span",
            "specials.swept",
            "what has a finalizer is freed by the sweep that queues it",
        ),
        Variant(
            "finalizer-not-queued",
            ", due=at.due.set(address, True)",
            "",
            "specials.swept",
            "a finalizer is forgotten where it is due",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.specials.may_free",
        Variant(
            "record-of-living-object-freed",
            "        and not lives_on(at, it)\n",
            "",
            "specials.swept",
            "a record is freed although its object lives on",
        ),
        Variant(
            "record-freed-before-its-object-is-saved",
            "or not at.records[other].there",
            "or not at.records[other].there or other != it",
            "specials.swept",
            "a record is freed whose object is saved by a finalizer afterwards",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.specials.is_settled",
        Variant(
            "finalizer-of-dead-object-stays",
            "was_marked(at, it) and lives_on(at, it)",
            "was_marked(at, it) and not lives_on(at, it)",
            "specials.decided",
            "a finalizer stays with an object that dies",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.specials.run",
        Variant(
            "finalizer-runs-again",
            "at.due.set(address, False)",
            "at.due.set(address, True)",
            "specials.run",
            "a finalizer runs again and again",
        ),
    ),
)
