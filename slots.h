/* Looks up a field of a record, and a name of a module, once, and not each time that it is named.

The records of the model are msgspec Structs: C objects whose fields are slots. mypyc does not know
that, and reads each field by `PyObject_GetAttr`, which looks the name up in the class, asks the
descriptor that it finds, and so takes ten times as long as the interpreter, which remembers for
each place in a program where the slot was. This header, included before all that mypyc writes, does
the same: it remembers where the slot of a name is in objects of a class, for as long as the class
is what it was (`tp_version_tag` tells, as it does to the interpreter).

Where the layout of classes may be another one (versions of Python that are not known yet, or those
without a global lock) it does nothing.

What is found is what `PyObject_GetAttr` would find: only members that are plain object slots are
remembered, only of classes with the default lookup, and an empty slot is left to it.

What a module has imported from one that is not compiled mypyc looks up in the dictionary of the
module each time. That is remembered as well, for as long as the dictionary is what it was
(`ma_version_tag`, which later versions of Python do not have any more).
*/

#ifndef SLOTS_H
#define SLOTS_H

#include <Python.h>
#include <stdint.h>
#include <structmember.h>

#if !defined(Py_GIL_DISABLED) && PY_VERSION_HEX < 0x030F0000

typedef struct {
    PyTypeObject *type;
    PyObject *name; /* owned, so that no other name comes to lie there */
    Py_ssize_t offset;
    unsigned int version; /* of the class; 0 is none */
} Slot;

#define SLOTS 2048

static Slot known_slots[SLOTS];

static __attribute__((noinline)) PyObject *get_and_remember(
    PyObject *object, PyObject *name, Slot *place)
{
    PyTypeObject *type = Py_TYPE(object);
    if (PyModule_CheckExact(object) && PyUnicode_CheckExact(name) &&
        PyUnicode_READ_CHAR(name, 0) != '_') {
        /* What the class of modules defines itself has names with underscores. */
        PyObject *found = PyDict_GetItemWithError(PyModule_GetDict(object), name);
        if (found != NULL) {
            Py_INCREF(found);
            return found;
        }
        if (PyErr_Occurred()) {
            return NULL;
        }
    }
    else if (type->tp_getattro == PyObject_GenericGetAttr && PyUnicode_CheckExact(name) &&
             PyUnicode_CHECK_INTERNED(name)) {
        PyObject *found = _PyType_Lookup(type, name);
        if (found != NULL && Py_IS_TYPE(found, &PyMemberDescr_Type)) {
            PyMemberDef *member = ((PyMemberDescrObject *)found)->d_member;
            if (member->type == T_OBJECT_EX && type->tp_version_tag != 0 &&
                PyType_IsSubtype(type, ((PyDescrObject *)found)->d_type)) {
                Py_INCREF(name);
                Py_XSETREF(place->name, name);
                place->type = type;
                place->offset = member->offset;
                place->version = type->tp_version_tag;
            }
        }
    }
    return PyObject_GetAttr(object, name);
}

static inline PyObject *get_attribute(PyObject *object, PyObject *name)
{
    PyTypeObject *type = Py_TYPE(object);
    uintptr_t mixed = ((uintptr_t)type >> 5) ^ ((uintptr_t)name >> 4);
    Slot *place = &known_slots[mixed % SLOTS];
    if (place->type == type && place->name == name && place->version == type->tp_version_tag) {
        PyObject *value = *(PyObject **)((char *)object + place->offset);
        if (value != NULL) {
            Py_INCREF(value);
            return value;
        }
    }
    return get_and_remember(object, name, place);
}

#define PyObject_GetAttr get_attribute

#if PY_VERSION_HEX < 0x030D0000

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

typedef struct {
    PyObject *dict;
    PyObject *name;    /* owned */
    PyObject *value;   /* the dictionary's own, while it is what it was */
    uint64_t version; /* of the dictionary: no two are alike, of whichever dictionary */
} Item;

static Item known_items[SLOTS];

static __attribute__((noinline)) PyObject *get_and_keep(
    PyObject *dict, PyObject *name, Item *place)
{
    PyObject *value = PyDict_GetItemWithError(dict, name);
    if (value != NULL && PyUnicode_CHECK_INTERNED(name)) {
        Py_INCREF(name);
        Py_XSETREF(place->name, name);
        place->dict = dict;
        place->value = value;
        place->version = ((PyDictObject *)dict)->ma_version_tag;
    }
    return value;
}

static inline PyObject *get_item(PyObject *dict, PyObject *key)
{
    if (!PyUnicode_CheckExact(key)) {
        return PyDict_GetItemWithError(dict, key);
    }
    uintptr_t mixed = ((uintptr_t)dict >> 5) ^ ((uintptr_t)key >> 4);
    Item *place = &known_items[mixed % SLOTS];
    if (place->dict == dict && place->name == key &&
        place->version == ((PyDictObject *)dict)->ma_version_tag) {
        return place->value;
    }
    return get_and_keep(dict, key, place);
}

#pragma GCC diagnostic pop

#define PyDict_GetItemWithError get_item

#endif
#endif
#endif
