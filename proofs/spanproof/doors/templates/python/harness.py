"""A harness connects an allocator with spanspec. Put your own calls in place of what is here.

spanspec smoke --exec "python3 harness.py"    says in ten seconds what works
spanspec fuzz --exec "python3 harness.py"     looks for a difference, and makes it small
"""

import json
import sys
from typing import Any

Message = dict[str, Any]
UINT32 = 0xFFFF_FFFF


class Span:
    """Slots that are handed out lowest first, marked, and swept. Each method answers a request."""

    def hello(self, ask: Message) -> Message:
        return {"protocol": 1, "name": "harness", "levels": ["span"], "shows": ["results"]}

    def new_span(self, ask: Message) -> Message:
        self.nelems = ask["pages"] * 8192 // ask["elemsize"]
        self.sweepgen = ask["sweepgen"]
        self.taken: set[int] = set()
        self.marked: set[int] = set()
        return {}

    def allocate(self, ask: Message) -> Message:
        slot = next((one for one in range(self.nelems) if one not in self.taken), self.nelems)
        if slot < self.nelems:
            self.taken.add(slot)
        return {"slot": slot}

    def mark(self, ask: Message) -> Message:
        if ask["slot"] not in self.taken:
            return {"refused": f"slot {ask['slot']} is free"}
        self.marked.add(ask["slot"])
        return {}

    def refill(self, ask: Message) -> Message:
        self.sweepgen = (ask["sg"] + 3) & UINT32
        return {}

    def retire(self, ask: Message) -> Message:
        self.sweepgen = ask["sg"]
        return {}

    def sweep(self, ask: Message) -> Message:
        nfreed, was_empty = len(self.taken - self.marked), len(self.taken) == self.nelems
        self.taken, self.marked = self.marked, set()
        self.sweepgen = ask["sg"]
        return {"nfreed": nfreed, "was_empty": was_empty}

    def flush(self, ask: Message) -> Message:
        if self.sweepgen == (ask["sg"] + 1) & UINT32:  # it is of the last cycle
            return {"swept": True, **self.sweep(ask)}
        self.sweepgen = ask["sg"]
        return {"swept": False}


def main() -> None:
    span = Span()
    for line in sys.stdin:
        ask = json.loads(line)
        print(json.dumps({"n": ask["n"], **getattr(span, ask["op"])(ask)}), flush=True)


if __name__ == "__main__":
    main()
