"""A sample of an event of every kind, and traces of them."""

import json
from collections.abc import Callable
from pathlib import Path

from spanproof.replay.format.reader import TraceError, TraceReader
from spanspec.events.fields import EventBase

HEADER: dict[str, object] = {
    "k": "header",
    "format": 1,
    "go": "go1.13.15",
    "arch": "linux/amd64",
    "page": 8192,
    "phys": 4096,
    "hugephys": 0,
    "arena": 1 << 26,
    "ncls": 3,
    "class_size": [0, 8, 16],
    "class_pages": [0, 1, 1],
    "ncpu": 2,
    "ptr": 8,
    "a0": "0xc000000000",
    "program": "by hand",
    "gomaxprocs": 1,
    "events": 0,
    "ends": "process end",
}


SAMPLES = [
    '{"k":"m","p":-1,"z":9,"w":1,"c":5,"b":0,"i":0,"f":25}',
    '{"k":"m","p":0,"z":209715200,"w":4,"c":0,"b":40,"i":0,"f":6}',
    '{"k":"t","p":0,"z":3,"b":0,"i":0,"o":9,"f":3}',
    '{"k":"ro","p":0,"t":0,"c":5,"s":0,"b":0,"g":2,"fi":512,"ac":512,"ne":512}',
    '{"k":"rn","p":0,"t":0,"c":5,"s":1,"b":1,"g":5,"fi":3,"ac":7,"ne":512}',
    '{"k":"mc","p":-1,"t":0,"new":1,"ca":0}',
    '{"k":"pi","p":-1,"t":0,"id":0,"ca":0}',
    '{"k":"pd","p":0,"t":0,"id":1,"ca":1}',
    '{"k":"np","p":0,"t":0,"n":4,"old":0}',
    '{"k":"ra","p":0,"t":0,"beg":1,"ca":0}',
    '{"k":"un","p":0,"t":0,"c":5,"st":1,"s":1,"b":1,"g0":3,"sg":2,"fi":4,"ac":8,"ne":512}',
    '{"k":"um","p":0,"t":0,"c":5,"s":1,"b":1}',
    '{"k":"pf","p":0,"t":0,"beg":0,"ca":0,"fg":0,"g":2}',
    '{"k":"ck","p":0,"t":0,"c":5,"l":"N","s":1,"b":1,"g":2,"lo":12}',
    '{"k":"ct","p":0,"t":0,"c":5,"src":2,"s":1,"b":1,"lo":12,"g":1}',
    '{"k":"cr","p":0,"t":0,"c":5,"room":0,"s":1,"b":1,"i":512}',
    '{"k":"cm","p":0,"t":0,"c":133,"s":-1,"b":-1,"g":4294967295}',
    '{"k":"cg","p":0,"t":0,"c":5,"s":1,"b":1,"ne":512,"g":2}',
    '{"k":"fs","p":0,"t":0,"c":5,"we":1,"fr":0,"s":1,"b":1,"g":2}',
    '{"k":"sc","p":0,"t":0,"c":5,"by":"gcstart","s":1,"b":1,"np":1,"g":1,"lo":14}',
    '{"k":"se","p":0,"t":0,"c":4,"pr":0,"we":1,"fh":0,"tc":1,"s":1,"b":1,"ne":9,"nf":2,"ac":7,"g":2,"ab":"f700"}',
    '{"k":"pu","p":0,"t":0,"q":1,"s":1,"b":1,"x":0,"lo":16}',
    '{"k":"po","p":0,"t":0,"q":0,"by":"finish","s":-1,"b":-1,"x":-1,"lo":16}',
    '{"k":"dr","p":0,"t":0,"why":"state","s":1,"b":1,"g":2,"stt":3,"lo":17}',
    '{"k":"sd","p":0,"t":0,"g":2}',
    '{"k":"dd","p":0,"t":0,"tg":-5,"sw":0,"by":8192,"cp":0}',
    '{"k":"rb","p":0,"t":0,"n":1,"cr":0,"ix":9223372036854775808}',
    '{"k":"re","p":0,"t":0,"n":0}',
    '{"k":"rk","p":0,"t":0,"cr":5,"tk":1,"n":0}',
    '{"k":"rc","p":0,"t":0,"st":"done","ix":8192,"n":1,"nf":0}',
    '{"k":"gc","p":0,"t":0,"tr":"time","cy":3,"mode":2,"hl":1}',
    '{"k":"ph","p":0,"t":0,"x":2}',
    '{"k":"sg","p":0,"t":0,"g":4,"mode":0,"na":1}',
    '{"k":"ha","p":0,"t":0,"n":1,"fs":2,"fb":3,"fn":4,"s":5,"b":3,"split":1,"sc":0,"rsc":1,"nz":1}',
    '{"k":"si","p":0,"t":0,"c":5,"lg":0,"nz":1,"s":5,"b":3,"np":1,"es":16,"g":2}',
    '{"k":"ib","p":0,"t":0,"c":5,"s":5,"b":3,"ne":512,"es":16}',
    '{"k":"ma","p":0,"t":0,"for":"other","nz":0,"s":5,"b":3,"np":4}',
    '{"k":"hf","p":0,"t":0,"stt":2,"nz":1,"s":5,"b":3,"np":4,"g":0}',
    '{"k":"co","p":0,"t":0,"s":5,"b":3,"np":4,"bn":0,"an":9,"bs":-1,"as":7,"sc":0,"nz":1}',
    '{"k":"gr","p":-1,"t":0,"n":1,"cb":null,"ce":null}',
    '{"k":"gr","p":0,"t":0,"n":1,"cb":69,"ce":8192}',
    '{"k":"ga","p":0,"t":0,"b":0,"np":8192,"ask":8192,"contig":0}',
    '{"k":"gd","p":0,"t":0,"n":1,"cb":1,"ce":8192,"v":0}',
    '{"k":"gs","p":0,"t":0,"s":5,"b":3,"np":1}',
    '{"k":"vc","p":0,"t":0,"ret":5,"n":8192,"goal":0}',
    '{"k":"vb","p":0,"t":0,"by":"FreeOSMemory","n":18446744073709551615,"ret":5,"goal":0,"hp":0}',
    '{"k":"vs","p":0,"t":0,"split":1,"huge":1,"fs":2,"fb":3,"fn":4,"s":5,"b":5,"rel":16384}',
    '{"k":"ve","p":0,"t":0,"by":"bg","rel":16384}',
    '{"k":"mk","p":0,"t":0,"a":10,"b":824633720832,"c":9}',
]


MALLOC = SAMPLES[0]


RESULT = next(line for line in SAMPLES if '"se"' in line)


def trace(lines: list[str], **header: object) -> bytes:
    first = json.dumps({**HEADER, "events": len(lines), **header})
    return "".join(f"{line}\n" for line in [first, *lines]).encode()


def read(path: Path | str) -> list[EventBase]:
    with TraceReader(path) as reader:
        return list(reader)


Refuse = Callable[[bytes], TraceError]
