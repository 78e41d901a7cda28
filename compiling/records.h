/* Makes, changes, compares and frees records by the slots of their fields.

msgspec looks for each name of a field among all of them, and through the members of a class for its
fields when it frees a record. Here the slots of the fields of a class are remembered, for as long as
the class is what it was; and those of the names that `msgspec.structs.replace` is told. Whatever is
more than its fields, or not given all of them, is left to the class.
*/

#ifndef RECORDS_H
#define RECORDS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "attributes.h"

#define MOST_FIELDS 32

/* What is known of a class of records that are nothing but fields. */
typedef struct {
    Key key; /* a class; there is no name */
    PyObject *fields; /* their names, owned; NULL if the class is none of those */
    unsigned int version;
    int by_place; /* how many can be given without a name */
    bool by_fields; /* whether two are equal if all their fields are */
    Py_ssize_t offsets[MOST_FIELDS];
} Layout;

#define LAYOUTS 512

static Layout known_layouts[LAYOUTS];

static PyTypeObject *class_of_structs; /* `msgspec.StructMeta`, once it was seen */

static bool is_class_of_structs(PyTypeObject *meta)
{
    if (class_of_structs == NULL && strcmp(meta->tp_name, "msgspec._core.StructMeta") == 0) {
        class_of_structs = meta;
    }
    return meta == class_of_structs;
}

/* Return an attribute that has to be a tuple, or NULL without an error. */
static PyObject *tuple_named(PyTypeObject *type, const char *name)
{
    PyObject *found = PyObject_GetAttrString((PyObject *)type, name);
    if (found == NULL) {
        PyErr_Clear();
    }
    else if (!PyTuple_CheckExact(found)) {
        Py_CLEAR(found);
    }
    return found;
}

/* Tell whether records of a class are compared as msgspec does, field by field. */
static bool equal_by_fields(PyTypeObject *type)
{
    PyTypeObject *first = type; /* becomes `msgspec.Struct`, from which all others are derived */
    while (first->tp_base != NULL && is_class_of_structs(Py_TYPE(first->tp_base))) {
        first = first->tp_base;
    }
    PyObject *config = PyObject_GetAttrString((PyObject *)type, "__struct_config__");
    PyObject *equal = config == NULL ? NULL : PyObject_GetAttrString(config, "eq");
    bool result = equal == Py_True && type->tp_richcompare == first->tp_richcompare;
    Py_XDECREF(config);
    Py_XDECREF(equal);
    PyErr_Clear();
    return result;
}

static destructor free_struct; /* what msgspec frees a record with */

/* Free a record that is nothing but fields.

msgspec looks through all members of the class for those that are fields, and of all classes that it
is derived from, each time. A replay makes and frees seven records for an event. */
static void free_record(PyObject *record)
{
    PyTypeObject *type = Py_TYPE(record);
    if (type->tp_finalize != NULL) {
        free_struct(record);
        return;
    }
    Py_ssize_t size = type->tp_basicsize;
    for (Py_ssize_t at = sizeof(PyObject); at < size; at += sizeof(PyObject *)) {
        Py_XDECREF(slot_at(record, at));
    }
    type->tp_free(record);
    Py_DECREF(type);
}

/* Let records of a class be freed so. No class that is derived from it inherits that: each gets
msgspec's own function, until its fields are known as well. */
static void free_by_fields(PyTypeObject *type)
{
    if (free_struct == NULL) {
        free_struct = type->tp_dealloc;
    }
    if (type->tp_dealloc == free_struct) {
        type->tp_dealloc = free_record;
    }
}

/* Find where the fields of a class are; `place->fields` stays NULL if there may be more to it. */
static void find_fields(PyTypeObject *type, Layout *place)
{
    static PyObject *after_init;
    if (after_init == NULL && (after_init = PyUnicode_InternFromString("__post_init__")) == NULL) {
        PyErr_Clear();
        return;
    }
    PyObject *fields = tuple_named(type, "__struct_fields__");
    PyObject *by_place = tuple_named(type, "__match_args__");
    Py_ssize_t size = fields == NULL ? -1 : PyTuple_GET_SIZE(fields);
    if (size < 0 || size > MOST_FIELDS || by_place == NULL ||
        _PyType_Lookup(type, after_init) != NULL || PyType_IS_GC(type) ||
        type->tp_dictoffset != 0 || type->tp_weaklistoffset != 0 || type->tp_itemsize != 0 ||
        type->tp_basicsize != (Py_ssize_t)sizeof(PyObject) + size * (Py_ssize_t)sizeof(PyObject *)) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < size; i++) {
        PyObject *found = _PyType_Lookup(type, PyTuple_GET_ITEM(fields, i));
        if (found == NULL || !Py_IS_TYPE(found, &PyMemberDescr_Type) ||
            ((PyMemberDescrObject *)found)->d_member->type != T_OBJECT_EX) {
            goto done;
        }
        place->offsets[i] = ((PyMemberDescrObject *)found)->d_member->offset;
    }
    place->by_place = (int)PyTuple_GET_SIZE(by_place);
    place->by_fields = equal_by_fields(type);
    free_by_fields(type);
    Py_INCREF(fields);
    place->fields = fields;
done:
    Py_XDECREF(fields);
    Py_XDECREF(by_place);
}

static void find_layout(PyTypeObject *type, Layout *place)
{
    Py_CLEAR(place->fields);
    place->key.type = NULL;
    find_fields(type, place);
    /* Looking something up gives a class its version. */
    if (type->tp_version_tag != 0) {
        place->key.type = type;
        place->version = type->tp_version_tag;
    }
    else {
        Py_CLEAR(place->fields);
    }
}

static inline bool is_layout_of(Layout *place, PyTypeObject *type)
{
    return place->key.type == type && place->version == type->tp_version_tag;
}

/* Return the place of a class, from its first one on, where its layout is known then. */
static __attribute__((noinline)) Layout *other_layout(PyTypeObject *type, Layout *first)
{
    Layout *place = other_place(known_layouts, LAYOUTS, sizeof(Layout), first, type, NULL);
    if (!is_layout_of(place, type)) {
        find_layout(type, place);
    }
    return place;
}

/* Return what is known of a class of records; NULL if they may be more than their fields. */
static inline Layout *layout_of(PyTypeObject *type)
{
    Layout *place = &known_layouts[((uintptr_t)type >> 5) % LAYOUTS];
    if (!is_layout_of(place, type)) {
        place = other_layout(type, place);
    }
    return place->fields == NULL ? NULL : place;
}

/* Return a new record of a class of msgspec's with the given fields; NULL without an error if that
has to be left to the class: it may have others, or not these. */
static PyObject *new_record(
    PyTypeObject *type, PyObject *const *args, Py_ssize_t given, PyObject *names)
{
    Layout *layout = layout_of(type);
    if (layout == NULL || given > layout->by_place) {
        return NULL;
    }
    PyObject *fields = layout->fields;
    Py_ssize_t size = PyTuple_GET_SIZE(fields);
    Py_ssize_t named = names == NULL ? 0 : PyTuple_GET_SIZE(names);
    if (given + named != size) {
        return NULL;
    }
    Py_ssize_t places[MOST_FIELDS];
    for (Py_ssize_t i = 0, next = given; i < named; i++, next++) {
        /* Fields are mostly named in their order. No two names are the same. */
        PyObject *name = PyTuple_GET_ITEM(names, i);
        if (next == size || PyTuple_GET_ITEM(fields, next) != name) {
            for (next = given; next < size && PyTuple_GET_ITEM(fields, next) != name; next++) {
            }
            if (next == size) {
                return NULL;
            }
        }
        places[i] = layout->offsets[next];
    }
    PyObject *result = PyObject_New(PyObject, type);
    if (result == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < size; i++) {
        Py_INCREF(args[i]);
        Py_ssize_t offset = i < given ? layout->offsets[i] : places[i - given];
        *(PyObject **)((char *)result + offset) = args[i];
    }
    return result;
}

#define UNSET 2

/* Compare two records of a class of msgspec's: 1 if they are equal, 0 if not, -1 with an error;
`UNSET` if the class has to tell: a field is empty, or the layout was forgotten meanwhile. */
static int equal_records(Layout *layout, PyObject *left, PyObject *right)
{
    Py_ssize_t size = PyTuple_GET_SIZE(layout->fields);
    for (Py_ssize_t i = 0; i < size; i++) {
        PyObject *one = slot_at(left, layout->offsets[i]);
        PyObject *other = slot_at(right, layout->offsets[i]);
        if (one == other && one != NULL) {
            continue;
        }
        if (one == NULL || other == NULL) {
            return UNSET;
        }
#ifdef TABLES_KNOWN
        if (PyLong_CheckExact(one) && PyLong_CheckExact(other)) {
            Py_ssize_t digits = Py_SIZE(one);
            if (digits != Py_SIZE(other) ||
                memcmp(((PyLongObject *)one)->ob_digit, ((PyLongObject *)other)->ob_digit,
                       (digits < 0 ? -digits : digits) * sizeof(digit)) != 0) {
                return 0;
            }
            continue;
        }
#endif
        Py_INCREF(one);
        Py_INCREF(other);
        int equal = PyObject_RichCompareBool(one, other, Py_EQ);
        Py_DECREF(one);
        Py_DECREF(other);
        if (equal != 1) {
            return equal;
        }
        /* That may have run anything: another class may be known there now. */
        if (layout->key.type != Py_TYPE(left)) {
            return UNSET;
        }
    }
    return 1;
}

static __attribute__((noinline)) PyObject *compare(PyObject *left, PyObject *right, int how)
{
    PyTypeObject *type = Py_TYPE(left);
    if ((how == Py_EQ || how == Py_NE) && Py_TYPE(right) == type && class_of_structs != NULL &&
        Py_TYPE(type) == class_of_structs) {
        Layout *layout = layout_of(type);
        if (layout != NULL && layout->by_fields) {
            int equal = equal_records(layout, left, right);
            if (equal != UNSET) {
                return equal < 0 ? NULL : PyBool_FromLong(equal == (how == Py_EQ));
            }
        }
    }
    return PyObject_RichCompare(left, right, how);
}

#define MOST_CHANGED 8

typedef struct {
    Key key;
    unsigned int version;
    Py_ssize_t offsets[MOST_CHANGED];
} Change;

#define CHANGES 512

static Change known_changes[CHANGES];

static PyMethodDef *replace_method; /* that of `msgspec.structs.replace`, once it was seen */

static __attribute__((noinline)) bool is_replace(PyObject *callable)
{
    PyCFunctionObject *function = (PyCFunctionObject *)callable;
    if (replace_method == NULL && strcmp(function->m_ml->ml_name, "replace") == 0 &&
        function->m_module != NULL && PyUnicode_Check(function->m_module) &&
        PyUnicode_CompareWithASCIIString(function->m_module, "msgspec._core") == 0) {
        replace_method = function->m_ml;
    }
    return function->m_ml == replace_method;
}

/* Find the slots of some fields, in records that are nothing but fields; false if these are not. */
static bool find_changed(PyTypeObject *type, PyObject *names, Change *place)
{
    place->key.type = NULL;
    Layout *layout = layout_of(type);
    Py_ssize_t number = PyTuple_GET_SIZE(names);
    if (layout == NULL || number > MOST_CHANGED) {
        return false;
    }
    for (Py_ssize_t i = 0; i < number; i++) {
        Py_ssize_t at = PySequence_Index(layout->fields, PyTuple_GET_ITEM(names, i));
        if (at < 0) {
            PyErr_Clear();
            return false;
        }
        place->offsets[i] = layout->offsets[at];
    }
    Py_INCREF(names);
    Py_XSETREF(place->key.name, names);
    place->key.type = type;
    place->version = type->tp_version_tag;
    return true;
}

static inline bool is_of(Change *place, PyTypeObject *type, PyObject *names)
{
    return place->key.type == type && place->key.name == names &&
           place->version == type->tp_version_tag;
}

/* Return the place of some fields of a class, from its first one on, where they are known then. NULL if
records of the class may be more than their fields. */
static __attribute__((noinline)) Change *other_change(
    PyTypeObject *type, PyObject *names, Change *first)
{
    Change *place = other_place(known_changes, CHANGES, sizeof(Change), first, type, names);
    return is_of(place, type, names) || find_changed(type, names, place) ? place : NULL;
}

/* Return a record with other values in some fields; NULL without an error if it is none of ours. */
static PyObject *changed_record(PyObject *const *args, PyObject *names)
{
    PyObject *record = args[0];
    PyTypeObject *type = Py_TYPE(record);
    uintptr_t mixed = ((uintptr_t)type >> 5) ^ ((uintptr_t)names >> 4);
    Change *place = &known_changes[mixed % CHANGES];
    if (!is_of(place, type, names)) {
        place = other_change(type, names, place);
        if (place == NULL) {
            return NULL;
        }
    }
    PyObject *result = PyObject_New(PyObject, type);
    if (result == NULL) {
        return NULL;
    }
    Py_ssize_t size = type->tp_basicsize;
    for (Py_ssize_t at = sizeof(PyObject); at < size; at += sizeof(PyObject *)) {
        PyObject *value = slot_at(record, at);
        if (value == NULL) {
            /* A field without a value. Those behind it have to be empty, to be let go of. */
            memset((char *)result + at, 0, size - at);
            Py_DECREF(result);
            return NULL;
        }
        Py_INCREF(value);
        *(PyObject **)((char *)result + at) = value;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
        PyObject *value = args[i + 1];
        Py_INCREF(value);
        Py_SETREF(*(PyObject **)((char *)result + place->offsets[i]), value);
    }
    return result;
}

#endif
