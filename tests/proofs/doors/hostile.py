"""A process that answers as a span does for a while, and then does something else, or nothing.

It imports little, so that it starts at once.
"""

import json
import os
import signal
import sys
import time


def say(content: bytes) -> None:
    while content:
        content = content[os.write(1, content) :]


def reply(n: int, **fields: object) -> None:
    say(json.dumps({"n": n, **fields}).encode() + b"\n")


def hang() -> None:
    time.sleep(1000)


def flood(descriptor: int) -> None:
    while True:
        os.write(descriptor, b"flood " * 1000)


def forks() -> None:
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            hang()
    os.kill(os.getpid(), signal.SIGKILL)


def take_memory() -> None:
    held = []
    while True:
        held.append(bytearray(b"x" * (1 << 22)))
        time.sleep(0.002)


def greeting(kind: str, level: str) -> dict[str, object]:
    """Return what `hello` is replied, which may be wrong itself."""
    shows = ["results", "events"] if level in ("heap", "schedule") else ["results"]
    good: dict[str, object] = {"protocol": 1, "name": "hostile", "levels": [level], "shows": shows}
    changed: dict[str, dict[str, object]] = {
        "another greeting": {"levels": "span"},
        "an odd alignment": {"alignment": 24},
        "a name that controls the terminal": {"name": "\x1b[31mred\nspan: works"},
        "a level without what it needs": {"levels": ["schedule", "span", "span"], "shows": []},
        "refuses span_state": {"shows": ["state"]},
        "refuses heap_state": {"shows": ["state"]},
    }
    return {"refused": "nobody"} if kind == "refuses hello" else good | changed.get(kind, {})


def misbehave(kind: str, n: int) -> None:
    match kind:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exits in silence":
            os._exit(0)
        case "hangs":
            hang()
        case "floods its output":
            flood(1)
        case "floods its errors":
            flood(2)
        case "answers out of order":
            reply(n - 1, slot=2)
        case "garbage":
            say(b"\x00\xff}{ what?\n")
        case "another form":
            reply(n, slot="two")
        case "a huge number":
            say(b'{"n": ' + b"9" * 10_000_000 + b"}\n")
        case "closes its input":
            os.close(0)
            hang()
        case "forks":
            forks()
        case "ignores signals":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            hang()
        case "goes on for ever":
            for line in sys.stdin:
                reply(n, stop="step")
                n = json.loads(line)["n"]
            sys.exit()
        case "says that it failed":
            reply(n, error="no more of that")
        case "says half a reply":
            say(b'{"n": 6, "slo')
            hang()
        case "prints and hangs":
            os.write(2, b"waiting for a lock\n")
            hang()
        case "refuses":
            reply(n, refused="not\n\x1b[31mtoday")
        case "takes memory":
            take_memory()
        case "lets a child take memory":
            if os.fork() == 0:
                os.setsid()
                take_memory()
            hang()
        case "kills who asks":
            os.kill(os.getppid(), signal.SIGKILL)
            hang()
        case "prints and aborts":
            os.write(2, b"free(): invalid pointer\n")
            os.abort()


def main(kind: str, level: str) -> None:
    if kind == "before hello":
        hang()
    if kind == "kills who asks before hello":
        misbehave("kills who asks", 0)
    slot = -1
    for line in sys.stdin:
        ask = json.loads(line)
        match ask["op"]:
            case "hello":
                reply(ask["n"], **greeting(kind, level))
            case op if kind == f"refuses {op}":
                reply(ask["n"], refused="not today")
            case "allocate":
                slot += 1
                if slot == 2:
                    misbehave(kind, ask["n"])
                reply(ask["n"], slot=slot)
            case "size" | "malloc" | "heap_call" | "heap_begin" | "turn":
                misbehave(kind, ask["n"])
            case "new_span":
                slot = -1
                reply(ask["n"])
            case _:
                reply(ask["n"])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "span")
