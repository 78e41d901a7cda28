"""A process that answers the protocol at every level, well, or with a bug."""

import ctypes
import inspect
import json
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from spanspec.base.sizeclass import CLASSES, round_up_size, size_class_for

if TYPE_CHECKING:
    from spanproof.fuzz.scheduler import CallingThread, Scheduler
    from spanproof.fuzz.sides.spanalloc_subject import SpanallocSpan
    from spanproof.fuzz.sides.spanallocheap import SpanallocHeap

LIBC = ctypes.CDLL(None)
for name in ("malloc", "calloc", "aligned_alloc", "realloc"):
    getattr(LIBC, name).restype = ctypes.c_void_p
LIBC.free.argtypes = [ctypes.c_void_p]
LIBC.realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]

Message = dict[str, Any]
DEFAULTS = {"noscan": False, "zero": False, "percent": 100}


def slots(bits: int) -> list[int]:
    return [number for number in range(bits.bit_length()) if bits >> number & 1]


def runs(address: int, size: int) -> list[tuple[int, int]]:
    content = ctypes.string_at(address, size)
    found: list[tuple[int, int]] = []
    place = 0
    while place < size and len(found) < 8:
        rest = content[place:].lstrip(content[place : place + 1])
        found.append((content[place], size - place - len(rest)))
        place = size - len(rest)
    return found


class Answering:
    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.span: SpanallocSpan
        self.heap: SpanallocHeap
        self.objects: dict[int, tuple[int, int]] = {}
        self.scheduler: Scheduler
        self.workers: dict[int, CallingThread] = {}

    def answer(self, ask: Message) -> Message:
        try:
            does: Callable[[Message], Message] = getattr(self, ask["op"])
            return {"n": ask["n"], **does(ask)}
        except Exception as problem:
            if type(problem).__name__ != "Refused":
                raise
            told = {"refused": str(problem), "reason": vars(problem)["reason"]}
            if ask["op"] in ("heap_call", "heap_begin", "turn") and "events" in SHOWS:
                told["events"] = self.heap.events()
            return {"n": ask["n"], **told}

    def hello(self, ask: Message) -> Message:
        levels = ["sizes", "contract", "span", "heap", "schedule"]
        calls = ["find", "set_gc_percent", "finish_paced"]
        return {
            "protocol": 1,
            "name": "answering",
            "levels": levels,
            "shows": SHOWS,
            "calls": calls,
        }

    def size(self, ask: Message) -> Message:
        size = ask["bytes"]
        if size > 32768:
            return {"size_class": 0, "bytes": round_up_size(size), "pages": (size + 8191) // 8192}
        number = size_class_for(size)
        if self.kind == "wrong class" and size == 1025:
            number += 1
        entry = CLASSES[number]
        return {"size_class": number, "bytes": entry.size, "pages": entry.npages}

    def new_contract(self, ask: Message) -> Message:
        for address, _ in self.objects.values():
            LIBC.free(address)
        self.objects.clear()
        return {}

    def malloc(self, ask: Message) -> Message:
        size, align = ask["bytes"], ask["align"]
        if align:
            address = LIBC.aligned_alloc(align, -(-size // align) * align)
        else:
            address = LIBC.calloc(1, size) if ask["zero"] else LIBC.malloc(size)
        return self.made(ask, address, runs(address, size) if ask["zero"] else [])

    def made(self, ask: Message, address: int, shown: list[tuple[int, int]]) -> Message:
        ctypes.memset(address, ask["byte"], ask["bytes"])
        self.objects[ask["id"]] = (address, ask["bytes"])
        return {"address": address, "runs": shown}

    def realloc(self, ask: Message) -> Message:
        address, _ = self.objects[ask["id"]]
        address = LIBC.realloc(address, ask["bytes"])
        if self.kind == "lost contents" and ask["bytes"] > 8:
            ctypes.memset(address + 3, 0, 1)
        return self.made(ask, address, runs(address, ask["bytes"]))

    def free(self, ask: Message) -> Message:
        shown = self.show(ask)
        LIBC.free(self.objects.pop(ask["id"])[0])
        return shown

    def show(self, ask: Message) -> Message:
        return {"runs": runs(*self.objects[ask["id"]])}

    def account(self, ask: Message) -> Message:
        size = sum(size for _, size in self.objects.values())
        return {"objects": len(self.objects) + (self.kind == "miscounts"), "bytes": size}

    def new_span(self, ask: Message) -> Message:
        import spanalloc
        from spanproof.fuzz.program import Program
        from spanproof.fuzz.sides.spanalloc_subject import spans_of_package

        package = SimpleNamespace(Span=spanalloc.Span, SpanError=spanalloc.SpanError)
        program = Program(
            ask["size_class"], (), ask["noscan"], ask["sweepgen"], max(1, ask["pages"])
        )
        self.span = spans_of_package(package)(program)
        return {}

    def allocate(self, ask: Message) -> Message:
        slot, path = self.span.allocate()
        return {"slot": slot, "path": path}

    def mark(self, ask: Message) -> Message:
        if self.kind != "forgets a mark" or ask["slot"] != 3:
            self.span.mark(ask["slot"])
        return {}

    def refill(self, ask: Message) -> Message:
        self.span.refill(ask["sg"])
        return {}

    def retire(self, ask: Message) -> Message:
        self.span.retire(ask["sg"])
        return {}

    def flush(self, ask: Message) -> Message:
        swept = self.span.flush(ask["sg"])
        return {"swept": swept is not None, **(swept._asdict() if swept is not None else {})}

    def sweep(self, ask: Message) -> Message:
        return self.span.claim_and_sweep(ask["sg"])._asdict()

    def span_state(self, ask: Message) -> Message:
        state = self.span.state()._asdict()
        state["alloc_bits"] = slots(state["alloc_bits"])
        state["mark_bits"] = slots(state["mark_bits"])
        return state

    def new_heap(self, ask: Message) -> Message:
        from spanproof.fuzz.programs.heapprogram import HeapProgram
        from spanproof.fuzz.sides import spanallocheap

        answers = tuple(ask["answers"])
        start = HeapProgram((), ask["procs"], ask["sweepgen"], ask["physical"], answers)
        self.end_threads()
        self.heap = spanallocheap.installed(start)
        self.heap.events()
        return {}

    def heap_call(self, ask: Message) -> Message:
        if self.workers:
            self.end_threads()
            self.heap.obey(None)
        return self.returned(ask)

    def end_threads(self) -> None:
        for worker in self.workers.values():
            worker.close()
        self.workers.clear()

    def returned(self, ask: Message) -> Message:
        fields = {name: value for name, value in ask.items() if name not in ("op", "n", "call")}
        if "bytes" in fields:
            fields["size"] = fields.pop("bytes")
        does = getattr(self.heap, ask["call"])
        names = inspect.signature(does).parameters
        given = {name: fields.get(name, DEFAULTS.get(name, 0)) for name in names}
        try:
            returned = {"result": does(**given) or 0}
        except Exception as problem:
            if type(problem).__name__ != "NoMemory":
                raise
            returned = {"no_memory": True}
        if self.kind == "wrong pages" and ask["call"] == "sweep_one" and returned["result"] > 0:
            returned["result"] += 1
        if self.kind == "wrong address" and ask["call"] == "malloc":
            returned["result"] += 8
        if self.kind == "always finds a span" and ask["call"] == "sweep_one":
            returned["result"] = max(returned["result"], 0)
        return {**returned, "events": self.heap.events() if "events" in SHOWS else []}

    def heap_begin(self, ask: Message) -> Message:
        from spanproof.fuzz.scheduler import CallingThread, Scheduler

        p = ask.get("p", 0)
        if not self.workers:
            self.scheduler = Scheduler()
            self.heap.obey(self.scheduler)
        if p not in self.workers:
            self.workers[p] = CallingThread(self.scheduler, f"of P {p}")
        self.workers[p].begin(lambda: self.returned(ask))
        return self.turn({"p": p})

    def turn(self, ask: Message) -> Message:
        worker = self.workers[ask["p"]]
        stop = worker.go_on().name.lower()
        if self.kind == "ends too early" and stop == "step":
            return {"stop": "ended", "events": self.heap.events()}
        left, worker.left = worker.left, False
        told = {"stop": stop, "span": max(worker.span, 0), "left": left}
        if stop == "ended":
            returned = worker.result
            assert isinstance(returned, dict)
            return {**told, **returned}
        return {**told, "events": self.heap.events()}

    def heap_state(self, ask: Message) -> Message:
        state = dict(self.heap.state_now() if ask.get("now") else self.heap.state())
        if self.kind == "wrong state":
            state["heap_live"] = -1
        return {"state": state}

    def program(self, ask: Message) -> Message:
        return {"replies": [self.answer(one) for one in ask["requests"]]}


KIND = sys.argv[1] if len(sys.argv) > 1 else ""
SHOWS = sys.argv[2].split() if len(sys.argv) > 2 else ["state"]


def main() -> None:
    answering = Answering(KIND)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answering.answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
