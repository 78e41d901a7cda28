/* Lets the C that mypyc writes, before all of which this is included, look up once what it looks up
each time: fields of records, methods, names of modules, keys of tables.

Where the layout of classes may be another one (versions of Python that are not known yet, or those
without a global lock) nothing is remembered.
*/

#ifndef SLOTS_H
#define SLOTS_H

#include "cold.h"

#if !defined(Py_GIL_DISABLED) && PY_VERSION_HEX < 0x030F0000

#define SLOTS_KNOWN

#include "tables.h"
#include "attributes.h"
#include "methods.h"
#include "records.h"

/* Call what is mostly a function that mypyc has compiled, without what Python checks of any other. */
static __attribute__((noinline)) PyObject *call_compiled(
    PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    PyMethodDef *function =
        PyCFunction_CheckExact(callable) ? ((PyCFunctionObject *)callable)->m_ml : NULL;
    if (function == NULL || function->ml_flags != (METH_FASTCALL | METH_KEYWORDS)) {
        return PyObject_Vectorcall(callable, args, nargsf, kwnames);
    }
    if (Py_EnterRecursiveCall(" while calling a Python object")) {
        return NULL;
    }
    PyObject *result = ((_PyCFunctionFastWithKeywords)(void (*)(void))function->ml_meth)(
        ((PyCFunctionObject *)callable)->m_self, args, PyVectorcall_NARGS(nargsf), kwnames);
    Py_LeaveRecursiveCall();
    return result;
}

static inline PyObject *call_function(
    PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    if (kwnames != NULL && PyCFunction_CheckExact(callable) && is_replace(callable) &&
        PyVectorcall_NARGS(nargsf) == 1) {
        PyObject *result = changed_record(args, kwnames);
        if (result != NULL || PyErr_Occurred()) {
            return result;
        }
    }
    else if (is_class_of_structs(Py_TYPE(callable))) {
        PyObject *result =
            new_record((PyTypeObject *)callable, args, PyVectorcall_NARGS(nargsf), kwnames);
        if (result != NULL || PyErr_Occurred()) {
            return result;
        }
    }
    return call_compiled(callable, args, nargsf, kwnames);
}

/* A tuple of arguments is passed as it lies. */
static inline PyObject *call_by_tuple(PyObject *callable, PyObject *args)
{
    if (args == NULL || !PyTuple_CheckExact(args)) {
        return PyObject_CallObject(callable, args);
    }
    PyObject **items = ((PyTupleObject *)args)->ob_item;
    return call_function(callable, items, PyTuple_GET_SIZE(args), NULL);
}

#include "integers.h" /* last, as it puts another name in the place of `PyLong_FromLong` */

#define PyObject_GetAttr get_attribute
#define PyObject_VectorcallMethod call_method
#define PyObject_Vectorcall call_function
#define PyObject_CallObject call_by_tuple
#define PyObject_RichCompare compare
#if PY_VERSION_HEX < 0x030D0000
#define PyDict_GetItemWithError get_item
#endif
#ifdef TABLES_KNOWN
#define PyDict_Contains has_key
#define PyDict_SetItem set_item
#define PyObject_GetItem get_subscript
#endif

#endif
#endif
