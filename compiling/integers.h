/* Keeps the objects of the last integers, with `KEEP_INTEGERS`.

An integer of compiled code is a machine word, of which an object is made where a record takes it,
or a table is asked for it. As long as the same spans, threads and addresses are told of again and
again, none has to be made, and a table finds the very object that it has as its key.
*/

#ifndef INTEGERS_H
#define INTEGERS_H

#include <Python.h>
#include <stdint.h>

#ifdef KEEP_INTEGERS

typedef struct {
    PyObject *object; /* owned */
    long value;
} Integer;

#define INTEGERS 2048

static Integer known_integers[INTEGERS];

/* Python itself makes each of these once. */
#define LEAST_KEPT (-5)
#define MOST_KEPT 256

static PyObject *kept_integers[MOST_KEPT - LEAST_KEPT + 1]; /* owned */

static __attribute__((noinline)) PyObject *make_kept(long value)
{
    PyObject *object = PyLong_FromLong(value);
    Py_XINCREF(object);
    kept_integers[value - LEAST_KEPT] = object;
    return object;
}

static __attribute__((noinline)) PyObject *make_integer(long value, Integer *place)
{
    PyObject *object = PyLong_FromLong(value);
    if (object != NULL) {
        Py_INCREF(object);
        place->value = value;
        Py_XSETREF(place->object, object);
    }
    return object;
}

static inline PyObject *integer_of(long value)
{
    if (value >= LEAST_KEPT && value <= MOST_KEPT) {
        PyObject *kept = kept_integers[value - LEAST_KEPT];
        if (kept == NULL) {
            return make_kept(value);
        }
        Py_INCREF(kept);
        return kept;
    }
    Integer *place = &known_integers[((uint64_t)value * 0x9E3779B97F4A7C15u) >> 53];
    if (place->value != value || place->object == NULL) {
        return make_integer(value, place);
    }
    Py_INCREF(place->object);
    return place->object;
}

#undef PyLong_FromLong /* `reserve.h` has one that does not fail, which is called above */
#define PyLong_FromLong integer_of

#endif

#endif
