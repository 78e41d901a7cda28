/* Calls with stars, without a list and a dict: what `starcalls.py` writes into the C of mypyc.

The arguments of a call are in one tuple, those that are named behind the others; their names are in
another one, which is the same for each call from a place.
*/

#ifndef STARCALLS_H
#define STARCALLS_H

#include <Python.h>
#include <stdarg.h>

/* Put an argument into its place, which is empty; return 0, as `PyList_Append` does. */
static inline int put_argument(PyObject *arguments, Py_ssize_t place, PyObject *value)
{
    Py_INCREF(value);
    PyTuple_SET_ITEM(arguments, place, value);
    return 0;
}

/* Return the names of a place's arguments, made once; NULL with an error if that cannot be. */
static __attribute__((noinline)) PyObject *make_names(PyObject **known, int number, va_list names)
{
    PyObject *made = PyTuple_New(number);
    if (made != NULL) {
        for (int i = 0; i < number; i++) {
            put_argument(made, i, va_arg(names, PyObject *));
        }
        *known = Py_NewRef(made);
    }
    return made;
}

static PyObject *names_of(PyObject **known, int number, ...)
{
    if (likely(*known != NULL)) {
        return Py_NewRef(*known);
    }
    va_list names;
    va_start(names, number);
    PyObject *made = make_names(known, number, names);
    va_end(names);
    return made;
}

/* Return `(first,) + rest`; the reference to the first is taken over. */
static __attribute__((noinline)) PyObject *tuple_before(PyObject *first, PyObject *rest)
{
    Py_ssize_t size = PyTuple_CheckExact(rest) ? PyTuple_GET_SIZE(rest) : 0;
    PyObject *made = PyTuple_New(size + 1);
    if (made == NULL) {
        Py_DECREF(first);
        return NULL;
    }
    PyTuple_SET_ITEM(made, 0, first);
    for (Py_ssize_t i = 0; i < size; i++) {
        put_argument(made, i + 1, PyTuple_GET_ITEM(rest, i));
    }
    if (PyTuple_CheckExact(rest)) {
        return made;
    }
    PyObject *joined = PySequence_Concat(made, rest);
    Py_DECREF(made);
    return joined;
}

static inline PyObject *call_with(PyObject *callee, PyObject *arguments, PyObject *names)
{
    Py_ssize_t named = names == NULL ? 0 : PyTuple_GET_SIZE(names);
    PyObject **items = ((PyTupleObject *)arguments)->ob_item;
    return PyObject_Vectorcall(callee, items, PyTuple_GET_SIZE(arguments) - named, names);
}

#endif
