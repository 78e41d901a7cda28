/* Looks up a field of a record once, and not each time that it is named.

The records of the model are msgspec Structs: C objects whose fields are slots. mypyc does not know
that, and reads each field by `PyObject_GetAttr`, which looks the name up in the class, asks the
descriptor that it finds, and so takes ten times as long as the interpreter, which remembers for
each place in a program where the slot was. Here is remembered where the slot of a name is in objects
of a class, for as long as the class is what it was (`tp_version_tag` tells, as it does to the
interpreter).

What is found is what `PyObject_GetAttr` would find: only members that are plain object slots are
remembered, only of classes with the default lookup, and an empty slot is left to it.
*/

#ifndef ATTRIBUTES_H
#define ATTRIBUTES_H

#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <structmember.h>

#include "tables.h"

/* What a table of what is known is searched by. Each kind of entry begins with it. */
typedef struct {
    PyTypeObject *type;
    PyObject *name; /* or the names of some fields; owned, so that no other comes to lie there */
} Key;

typedef struct {
    Key key;
    Py_ssize_t offset;
    unsigned int version; /* of the class; 0 is none */
} Slot;

#define SLOTS 2048

static Slot known_slots[SLOTS];

/* In a table of what is known, each has a place; where that is taken, one of those behind it. Two that
are needed in turns would otherwise be looked up anew each time. */
#define PROBES 4

/* Return the place of a key in a table of so many entries of a size, from its first place on: where the
key is, or else an empty one or the first. */
static void *other_place(
    void *table, size_t number, size_t size, void *first, PyTypeObject *type, PyObject *name)
{
    size_t at = (size_t)((char *)first - (char *)table) / size;
    Key *empty = NULL;
    for (size_t i = 0; i < PROBES; i++) {
        Key *next = (Key *)((char *)table + (at + i) % number * size);
        if (next->type == type && next->name == name) {
            return next;
        }
        if (empty == NULL && next->type == NULL) {
            empty = next;
        }
    }
    return empty == NULL ? first : empty;
}

static inline PyObject *slot_at(PyObject *record, Py_ssize_t offset)
{
    return *(PyObject **)((char *)record + offset);
}

/* Return where the slot of a field is in objects of a class; 0 if the name is no such field. */
static Py_ssize_t offset_of_slot(PyTypeObject *type, PyObject *name)
{
    if (type->tp_getattro != PyObject_GenericGetAttr || !PyUnicode_CheckExact(name) ||
        !PyUnicode_CHECK_INTERNED(name)) {
        return 0;
    }
    PyObject *found = _PyType_Lookup(type, name);
    if (found == NULL || !Py_IS_TYPE(found, &PyMemberDescr_Type)) {
        return 0;
    }
    PyMemberDef *member = ((PyMemberDescrObject *)found)->d_member;
    bool is_slot = member->type == T_OBJECT_EX && type->tp_version_tag != 0 &&
                   PyType_IsSubtype(type, ((PyDescrObject *)found)->d_type);
    return is_slot ? member->offset : 0;
}

/* Return what a module has by a name, borrowed; NULL without an error if Python has to be asked. */
static inline PyObject *name_of_module(PyObject *module, PyObject *name)
{
    /* What the class of modules defines itself has names with underscores. */
    if (!PyUnicode_CheckExact(name) || PyUnicode_READ_CHAR(name, 0) == '_') {
        return NULL;
    }
    PyObject *found = get_item(PyModule_GetDict(module), name);
    if (found == NULL) {
        PyErr_Clear();
    }
    return found;
}

static inline Slot *slot_of(PyTypeObject *type, PyObject *name)
{
    uintptr_t mixed = ((uintptr_t)type >> 5) ^ ((uintptr_t)name >> 4);
    return &known_slots[mixed % SLOTS];
}

/* Return what an object has in a slot that is known, borrowed; NULL if that is not known. */
static inline PyObject *known_attribute(PyObject *object, PyObject *name, Slot *place)
{
    PyTypeObject *type = Py_TYPE(object);
    bool known = place->key.type == type && place->key.name == name &&
                 place->version == type->tp_version_tag;
    return known ? slot_at(object, place->offset) : NULL;
}

static __attribute__((noinline)) PyObject *get_and_remember(
    PyObject *object, PyObject *name, Slot *first)
{
    PyTypeObject *type = Py_TYPE(object);
    if (PyModule_CheckExact(object)) {
        PyObject *found = name_of_module(object, name);
        if (found != NULL) {
            Py_INCREF(found);
            return found;
        }
    }
    else {
        Slot *place = other_place(known_slots, SLOTS, sizeof(Slot), first, type, name);
        PyObject *value = known_attribute(object, name, place);
        if (value != NULL) {
            Py_INCREF(value);
            return value;
        }
        Py_ssize_t offset = offset_of_slot(type, name);
        if (offset != 0) {
            Py_INCREF(name);
            Py_XSETREF(place->key.name, name);
            place->key.type = type;
            place->offset = offset;
            place->version = type->tp_version_tag;
        }
    }
    return PyObject_GetAttr(object, name);
}

static inline PyObject *get_attribute(PyObject *object, PyObject *name)
{
    Slot *place = slot_of(Py_TYPE(object), name);
    PyObject *value = known_attribute(object, name, place);
    if (value != NULL) {
        Py_INCREF(value);
        return value;
    }
    return get_and_remember(object, name, place);
}

#endif
