/* Looks up a method once, where the class of the object is not known.

`PyObject_VectorcallMethod` looks it up each time. It is remembered for as long as the class is what
it was, and used where the object has no attributes of its own that could hide it.
*/

#ifndef METHODS_H
#define METHODS_H

#include <limits.h>
#include <stdint.h>

#include "attributes.h"

#define METHODS 2048

typedef struct {
    Key key;
    PyObject *method; /* the class's own, while it is what it was */
    unsigned int version;
    int dict; /* where the attributes of an object itself are; 0 if it cannot have any */
    _PyCFunctionFastWithKeywords function; /* of a compiled method, or NULL */
} Method;

static Method known_methods[METHODS];

/* Return the function of a method that mypyc has compiled, or one of the same form; or NULL. */
static _PyCFunctionFastWithKeywords function_of(PyTypeObject *type, PyObject *method)
{
    if (!Py_IS_TYPE(method, &PyMethodDescr_Type) ||
        !PyType_IsSubtype(type, ((PyDescrObject *)method)->d_type)) {
        return NULL;
    }
    PyMethodDef *defined = ((PyMethodDescrObject *)method)->d_method;
    return defined->ml_flags == (METH_FASTCALL | METH_KEYWORDS)
               ? (_PyCFunctionFastWithKeywords)(void (*)(void))defined->ml_meth
               : NULL;
}

static inline bool is_known(Method *place, PyTypeObject *type, PyObject *name, PyObject *object)
{
    return place->key.type == type && place->key.name == name &&
           place->version == type->tp_version_tag &&
           (place->dict == 0 || slot_at(object, place->dict) == NULL);
}

static inline PyObject *call_known(
    Method *place, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    if (place->function != NULL) {
        if (Py_EnterRecursiveCall(" while calling a Python object")) {
            return NULL;
        }
        Py_ssize_t given = PyVectorcall_NARGS(nargsf) - 1;
        PyObject *result = place->function(args[0], args + 1, given, kwnames);
        Py_LeaveRecursiveCall();
        return result;
    }
    PyObject *method = place->method;
    Py_INCREF(method);
    PyObject *result = PyObject_Vectorcall(
        method, args, nargsf & ~PY_VECTORCALL_ARGUMENTS_OFFSET, kwnames);
    Py_DECREF(method);
    return result;
}

static __attribute__((noinline)) PyObject *find_and_call_method(
    PyObject *name, PyObject *const *args, size_t nargsf, PyObject *kwnames, Method *first)
{
    PyTypeObject *type = Py_TYPE(args[0]);
    Method *place = other_place(known_methods, METHODS, sizeof(Method), first, type, name);
    if (is_known(place, type, name, args[0])) {
        return call_known(place, args, nargsf, kwnames);
    }
    if (type->tp_getattro == PyObject_GenericGetAttr && type->tp_dictoffset >= 0 &&
        type->tp_dictoffset <= INT_MAX && PyUnicode_CheckExact(name) &&
        PyUnicode_CHECK_INTERNED(name)) {
        PyObject *found = _PyType_Lookup(type, name);
        if (found != NULL && type->tp_version_tag != 0 &&
            PyType_HasFeature(Py_TYPE(found), Py_TPFLAGS_METHOD_DESCRIPTOR)) {
            Py_INCREF(name);
            Py_XSETREF(place->key.name, name);
            place->key.type = type;
            place->method = found;
            place->version = type->tp_version_tag;
            place->dict = (int)type->tp_dictoffset;
            place->function = function_of(type, found);
        }
    }
    return PyObject_VectorcallMethod(name, args, nargsf, kwnames);
}

static inline PyObject *call_method(
    PyObject *name, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    PyTypeObject *type = Py_TYPE(args[0]);
    uintptr_t mixed = ((uintptr_t)type >> 5) ^ ((uintptr_t)name >> 4);
    Method *place = &known_methods[mixed % METHODS];
    if (is_known(place, type, name, args[0])) {
        return call_known(place, args, nargsf, kwnames);
    }
    return find_and_call_method(name, args, nargsf, kwnames, place);
}

#endif
