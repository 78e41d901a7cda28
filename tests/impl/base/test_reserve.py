"""What compiled code keeps in reserve (reserve.h): the integers and tuples are right ones."""

import ctypes
import gc
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

HEADER = Path(__file__).parents[3] / "compiling" / "reserve.h"

TAKES = """
#include "%s"

static int filled(void) { fill_reserve(); return reserve.full; }
PyObject *an_int(long long value) { return filled() ? int_or_reserved(NULL, value) : NULL; }
PyObject *a_tuple(Py_ssize_t length)
{
    PyObject *made = filled() ? tuple_or_reserved(NULL, length) : NULL;
    for (Py_ssize_t place = 0; made != NULL && place < length; place++) {
        PyTuple_SET_ITEM(made, place, PyLong_FromLong(place));
    }
    return made;
}
/* As if there were no memory: what is left in the end, and whether a sum can be made. */
int left_after(int taken)
{
    int before = filled() ? reserve.n_ints : -1;
    while (taken-- > 0) {
        PyErr_NoMemory();
        Py_XDECREF(int_or_reserved(NULL, taken));
    }
    PyErr_Clear();
    int left = reserve.n_ints;
    Py_XDECREF(PyLong_FromLong(1 << 20));
    return before == reserve.n_ints ? left : -1;
}
int gives_blocks_back(void)
{
    int before = filled() ? reserve.n_blocks : -1;
    PyErr_NoMemory();
    int first = again(NULL, NULL);
    PyErr_NoMemory();
    int second = again(NULL, NULL);
    PyErr_Clear();
    return before == BLOCKS && first == 1 && second == 0;
}
"""


@pytest.fixture(scope="module")
def reserve(tmp_path_factory: pytest.TempPathFactory) -> ctypes.PyDLL:
    compiler = shutil.which("cc")
    include = sysconfig.get_path("include")
    if compiler is None or not Path(include, "Python.h").is_file():
        pytest.skip("needs a C compiler and Python.h: apt-get install gcc python3-dev")
    folder = tmp_path_factory.mktemp("reserve")
    source, library = folder / "takes.c", folder / "takes.so"
    source.write_text(TAKES % HEADER, encoding="ascii")
    command = [compiler, "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function"]
    command += ["-I", include, str(source), "-o", str(library)]
    done = subprocess.run(command, capture_output=True, text=True)
    if "'reserve' undeclared" in done.stderr:
        pytest.skip("this Python has no reserve")
    assert done.returncode == 0, done.stderr
    return ctypes.PyDLL(str(library))


@pytest.fixture
def an_int(reserve: ctypes.PyDLL) -> Callable[[int], object]:
    function = reserve.an_int
    function.restype, function.argtypes = ctypes.py_object, [ctypes.c_longlong]

    def call(value: int) -> object:
        made: object = function(value)
        return made

    return call


@pytest.mark.parametrize("bits", [0, 1, 29, 30, 31, 59, 60, 61, 62, 63])
def test_an_integer_out_of_the_reserve_is_the_number(
    bits: int, an_int: Callable[[int], object]
) -> None:
    for value in {(1 << bits) - 1, 1 << min(bits, 62), -(1 << bits), 1 - (1 << bits)}:
        made = an_int(value)
        assert isinstance(made, int)
        assert made == value
        assert hash(made) == hash(value)
        assert str(made) == str(value)
        assert made + 1 == value + 1
        assert {value: "found"}[made] == "found"


def test_a_tuple_out_of_the_reserve_is_one_that_the_collector_knows(
    reserve: ctypes.PyDLL,
) -> None:
    take = reserve.a_tuple
    take.restype, take.argtypes = ctypes.py_object, [ctypes.c_ssize_t]
    before = [one for one in gc.get_objects() if isinstance(one, tuple) and len(one) == 12]
    for length in range(1, 13):
        made: tuple[int, ...] = take(length)
        assert made == tuple(range(length))
        assert gc.is_tracked(made)
    after = [one for one in gc.get_objects() if isinstance(one, tuple) and len(one) == 12]
    assert len(after) == len(before) + 1


def test_what_was_taken_is_put_back_when_there_is_memory(reserve: ctypes.PyDLL) -> None:
    assert reserve.left_after(0) == 64
    assert reserve.left_after(10) == 54
    assert reserve.left_after(64) == 0
    assert reserve.left_after(100) == 0
    assert reserve.gives_blocks_back() == 1
    assert reserve.left_after(1) == 63
