/* Keeps some integers and tuples in reserve, for when there is no memory for one.

Where compiled code makes an object of a machine integer, or a tuple of what a function returns, it
cannot tell of a failure: mypyc (2.4) aborts the process there, or goes on with NULL. This header,
included before all that mypyc writes, has such an object come out of a reserve instead, so that
these places do not fail, and want of memory shows where an exception can say so.

What was taken is put back as soon as an object can be made again. So a process still ends with
"fatal: out of memory" only where so many in a row cannot be made and nothing else fails meanwhile.

The arithmetic of numbers beyond 62 bits, which can be of any length, is tried again after some
blocks of memory, one of each small size, have been given back.

An integer in reserve has room for the largest machine integer; its digits are filled in when it is
taken. A tuple in reserve is unknown to the garbage collector, which would show it half made.

Without the interpreter's lock, and in versions of Python whose integers may be laid out otherwise,
the header does nothing.
*/

#ifndef RESERVE_H
#define RESERVE_H

#include <Python.h>
#include <stddef.h>

#if !defined(Py_GIL_DISABLED) && PY_VERSION_HEX < 0x030F0000 && PyLong_SHIFT == 30

#define RESERVED_INTS 64
#define RESERVED_TUPLES 4 /* of each length */
#define LONGEST_TUPLE 12
#define BLOCKS 10
#define BYTES_HEADER ((Py_ssize_t)offsetof(PyBytesObject, ob_sval) + 1)

static struct {
    PyObject *ints[RESERVED_INTS];
    PyObject *tuples[LONGEST_TUPLE + 1][RESERVED_TUPLES];
    int n_ints;
    int n_tuples[LONGEST_TUPLE + 1];
    PyObject *blocks[BLOCKS]; /* of 48, 64, 80 and so on bytes: numbers of up to 1200 bits */
    int n_blocks;
    int full;
} reserve;

/* Makes what the reserve lacks, as far as there is memory. */
static void fill_reserve(void)
{
    while (reserve.n_ints < RESERVED_INTS) {
        PyObject *largest = PyLong_FromLongLong(PY_LLONG_MAX);
        if (largest == NULL) {
            PyErr_Clear();
            return;
        }
        reserve.ints[reserve.n_ints++] = largest;
    }
    for (int length = 1; length <= LONGEST_TUPLE; length++) {
        while (reserve.n_tuples[length] < RESERVED_TUPLES) {
            PyObject *tuple = PyTuple_New(length);
            if (tuple == NULL) {
                PyErr_Clear();
                return;
            }
            PyObject_GC_UnTrack(tuple);
            reserve.tuples[length][reserve.n_tuples[length]++] = tuple;
        }
    }
    while (reserve.n_blocks < BLOCKS) {
        Py_ssize_t size = 48 + 16 * reserve.n_blocks;
        PyObject *block = PyBytes_FromStringAndSize(NULL, size - BYTES_HEADER);
        if (block == NULL) {
            PyErr_Clear();
            return;
        }
        reserve.blocks[reserve.n_blocks++] = block;
    }
    reserve.full = 1;
}

/* Tells whether to compute something with integers again: there was no memory, and is some now. */
static __attribute__((noinline)) int again(PyObject *left, PyObject *right)
{
    if ((left != NULL && !(PyLong_CheckExact(left) && PyLong_CheckExact(right))) ||
        reserve.n_blocks == 0 || !PyErr_ExceptionMatches(PyExc_MemoryError)) {
        return 0;
    }
    PyErr_Clear();
    reserve.full = 0;
    while (reserve.n_blocks > 0) {
        Py_DECREF(reserve.blocks[--reserve.n_blocks]);
    }
    return 1;
}

static void set_int(PyObject *object, long long value)
{
    unsigned long long left = (unsigned long long)value;
    PyLongObject *number = (PyLongObject *)object;
    int digits = 0;
    if (value < 0) {
        left = 0 - left;
    }
    while (left != 0) {
        digit low = (digit)(left & PyLong_MASK);
#if PY_VERSION_HEX >= 0x030C0000
        number->long_value.ob_digit[digits++] = low;
#else
        number->ob_digit[digits++] = low;
#endif
        left >>= PyLong_SHIFT;
    }
#if PY_VERSION_HEX >= 0x030C0000
    /* The number of digits, and the sign: 0 is positive, 1 is zero, 2 is negative. */
    number->long_value.lv_tag = ((uintptr_t)digits << 3) | (digits == 0 ? 1 : value < 0 ? 2 : 0);
#else
    Py_SET_SIZE(number, value < 0 ? -digits : digits);
#endif
}

/* Returns `made`, and fills up the reserve; if that is NULL an integer of the reserve. */
static __attribute__((noinline)) PyObject *int_or_reserved(PyObject *made, long long value)
{
    if (made != NULL) {
        fill_reserve();
    }
    else if (reserve.n_ints > 0) {
        PyErr_Clear();
        reserve.full = 0;
        made = reserve.ints[--reserve.n_ints];
        set_int(made, value);
    }
    return made;
}

static __attribute__((noinline)) PyObject *tuple_or_reserved(PyObject *made, Py_ssize_t length)
{
    if (made != NULL) {
        fill_reserve();
    }
    else if (length > 0 && length <= LONGEST_TUPLE && reserve.n_tuples[length] > 0) {
        PyErr_Clear();
        reserve.full = 0;
        made = reserve.tuples[length][--reserve.n_tuples[length]];
        PyObject_GC_Track(made);
    }
    return made;
}

#define RARELY(condition) __builtin_expect(condition, 0)

static inline PyObject *int_of_long_long(long long value)
{
    PyObject *made = PyLong_FromLongLong(value);
    return RARELY(made == NULL || !reserve.full) ? int_or_reserved(made, value) : made;
}

static inline PyObject *int_of_long(long value)
{
    PyObject *made = PyLong_FromLong(value);
    return RARELY(made == NULL || !reserve.full) ? int_or_reserved(made, value) : made;
}

static inline PyObject *tuple_of(Py_ssize_t length)
{
    PyObject *made = PyTuple_New(length);
    return RARELY(made == NULL || !reserve.full) ? tuple_or_reserved(made, length) : made;
}

#define TWICE(name)                                                       \
    static inline PyObject *name##_twice(PyObject *left, PyObject *right) \
    {                                                                     \
        PyObject *made = name(left, right);                               \
        return RARELY(made == NULL) && again(left, right) ? name(left, right) : made; \
    }

TWICE(PyNumber_Add)
TWICE(PyNumber_Subtract)
TWICE(PyNumber_Multiply)
TWICE(PyNumber_And)
TWICE(PyNumber_Or)
TWICE(PyNumber_Xor)

#define ONE_TWICE(name)                                     \
    static inline PyObject *name##_twice(PyObject *number)  \
    {                                                       \
        PyObject *made = name(number);                      \
        return RARELY(made == NULL) && again(number, number) ? name(number) : made; \
    }

ONE_TWICE(PyNumber_Negative)
ONE_TWICE(PyNumber_Invert)

#define PyNumber_Negative PyNumber_Negative_twice
#define PyNumber_Invert PyNumber_Invert_twice
#define PyNumber_Add PyNumber_Add_twice
#define PyNumber_Subtract PyNumber_Subtract_twice
#define PyNumber_Multiply PyNumber_Multiply_twice
#define PyNumber_And PyNumber_And_twice
#define PyNumber_Or PyNumber_Or_twice
#define PyNumber_Xor PyNumber_Xor_twice

#if PY_VERSION_HEX < 0x030E0000
/* What bitwise operations write their result into. */
static inline PyLongObject *new_long(Py_ssize_t digits)
{
    PyLongObject *made = _PyLong_New(digits);
    return RARELY(made == NULL) && again(NULL, NULL) ? _PyLong_New(digits) : made;
}
#define _PyLong_New new_long
#endif

#define PyLong_FromLongLong int_of_long_long
#define PyLong_FromLong int_of_long
#define PyLong_FromSsize_t int_of_long_long
#define PyTuple_New tuple_of

#endif
#endif
