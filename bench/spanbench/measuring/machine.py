"""The machine and the versions that figures were measured on."""

import os
import platform
from pathlib import Path
from typing import Final

import z3

import spanalloc
from spanproof.support.processes.programs import ran
from spanproof.support.tools import C_COMPILER, GO, SPIN, Missing, Tool, command_of

VERSION: Final[dict[Tool, str]] = {SPIN: "-V", GO: "version", C_COMPILER: "--version"}
"""The argument at which each tool tells its version."""


def described() -> dict[str, str]:
    """Return what the figures depend on: processor, system, load, and versions."""
    return {
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "spanalloc": "compiled" if spanalloc.COMPILED else "interpreted",
        "z3": z3.get_version_string(),
        **{tool.command: version_of(tool) for tool in VERSION},
        "load": " ".join(f"{one:.1f}" for one in os.getloadavg()),
    }


def processor() -> str:
    """Return the name of the processor, or its architecture where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def version_of(tool: Tool) -> str:
    """Return the first line that a tool says about its version."""
    try:
        command = [command_of(tool), VERSION[tool]]
    except Missing:
        return "not installed"
    done = ran(command)
    return (done.stdout or done.stderr).partition("\n")[0].strip()
