/* Looks up a field of a record, a method, and a name of a module, once, and not each time that it is
named; and keeps what is hardly ever done apart from what is done for each event.

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

A method of an object whose class is not known is looked up by `PyObject_VectorcallMethod` in the
same way, and remembered in the same way, where the object has no attributes of its own that could
hide it. And a change of a record, `msgspec.structs.replace`, looks for each name among
those of all fields; here the slots of the names are remembered. So are those of all fields of a class,
by which a record is made, compared with another one, and freed.

An integer of compiled code is a machine word, of which an object is made where a record takes it,
or a table is asked for it. With `KEEP_INTEGERS` the object of the last such integers is kept: as
long as the same spans, threads and addresses are told of again and again, none has to be made, and
a table finds the very object that it has as its key.

Whatever way mypyc writes for an error is code that runs once at most: by `cold` the compiler puts
it, and what leads to it, away from the code around it. It is two thirds of all code, and replaying
a trace is slowed by code that does not fit the processor's caches.
*/

#ifndef SLOTS_H
#define SLOTS_H

#include <Python.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <structmember.h>

#if defined(__GNUC__)

/* Declared as in CPy.h, which is included after this. */
#define COLD __attribute__((cold))

COLD void CPy_AddTraceback(const char *, const char *, int, PyObject *);
COLD void CPy_TypeError(const char *, PyObject *);
COLD void CPy_TypeErrorTraceback(
    const char *, const char *, int, PyObject *, const char *, PyObject *);
COLD void CPy_AttributeError(
    const char *, const char *, const char *, const char *, int, PyObject *);
COLD void CPyError_OutOfMemory(void);
COLD void PyErr_SetString(PyObject *, const char *);

/* Of integers that do not fit a word, and of objects that an error leaves behind. */
COLD void CPyTagged_IncRef(size_t);
COLD void CPyTagged_DecRef(size_t);
COLD void CPyTagged_XDecRef(size_t);
static COLD void CPy_DecRef(PyObject *);
static COLD void CPy_XDecRef(void *);

#endif

#if !defined(Py_GIL_DISABLED) && PY_VERSION_HEX < 0x030F0000

#define SLOTS_KNOWN

typedef struct {
    PyTypeObject *type;
    PyObject *name; /* owned, so that no other name comes to lie there */
    Py_ssize_t offset;
    unsigned int version; /* of the class; 0 is none */
} Slot;

#define SLOTS 2048

static Slot known_slots[SLOTS];

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

#if PY_VERSION_HEX >= 0x030B0000 && PY_VERSION_HEX < 0x030C0000 && PyLong_SHIFT == 30

#define TABLES_KNOWN

#ifdef Py_BUILD_CORE
#include <internal/pycore_dict.h>
#else
#define Py_BUILD_CORE
#include <internal/pycore_dict.h>
#undef Py_BUILD_CORE
#endif

/* Return an integer of at most two digits that is not negative, which is its hash, too; -1 for any
other object. */
static inline Py_ssize_t small_number(PyObject *key)
{
    if (!PyLong_CheckExact(key)) {
        return -1;
    }
    digit *digits = ((PyLongObject *)key)->ob_digit;
    switch (Py_SIZE(key)) {
    case 0:
        return 0;
    case 1:
        return digits[0];
    case 2:
        return (Py_ssize_t)digits[1] << PyLong_SHIFT | digits[0];
    default:
        return -1;
    }
}

static inline Py_ssize_t index_at(PyDictKeysObject *keys, size_t place)
{
    if (keys->dk_log2_size < 8) {
        return ((int8_t *)keys->dk_indices)[place];
    }
    if (keys->dk_log2_size < 16) {
        return ((int16_t *)keys->dk_indices)[place];
    }
    return keys->dk_log2_size < 32 ? ((int32_t *)keys->dk_indices)[place]
                                   : ((int64_t *)keys->dk_indices)[place];
}

/* Written out in the few functions that ask a table. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

#define ABSENT (-1)
#define UNKNOWN (-2)

/* Return the number of the entry of a key, from a place of the table on, after which the next one is
told by `left`; `ABSENT` if there is none, `UNKNOWN` if Python has to be asked. */
static __attribute__((noinline)) Py_ssize_t find_entry(
    PyDictKeysObject *keys, PyObject *key, Py_ssize_t number, size_t place, size_t left)
{
    PyDictKeyEntry *entries = DK_ENTRIES(keys);
    size_t mask = ((size_t)1 << keys->dk_log2_size) - 1;
    for (;;) {
        Py_ssize_t index = index_at(keys, place);
        if (index >= 0) {
            PyDictKeyEntry *entry = &entries[index];
            if (entry->me_key == key) {
                return index;
            }
            if (entry->me_hash == number) {
                Py_ssize_t other = small_number(entry->me_key);
                if (other < 0 || other == number) {
                    return other < 0 ? UNKNOWN : index;
                }
            }
        }
        else if (index == DKIX_EMPTY) {
            return ABSENT;
        }
        left >>= 5;
        place = (place * 5 + left + 1) & mask;
    }
}

/* Find the value of a key in a dictionary, borrowed; NULL if there is none. False if Python has to be
asked: the key is no small integer, or there is a key that could be equal to it and is none either.

The places are looked at in the same order as by `_Py_dict_lookup`. */
static ALWAYS_INLINE bool find_number(PyObject *dict, PyObject *key, PyObject **value)
{
    Py_ssize_t number = small_number(key);
    PyDictKeysObject *keys = ((PyDictObject *)dict)->ma_keys;
    if (number < 0 || keys->dk_kind != DICT_KEYS_GENERAL) {
        return false;
    }
    PyDictKeyEntry *entries = DK_ENTRIES(keys);
    size_t place = (size_t)number & (((size_t)1 << keys->dk_log2_size) - 1);
    Py_ssize_t index = index_at(keys, place);
    if (index < 0 ||
        !(entries[index].me_key == key ||
          (entries[index].me_hash == number && small_number(entries[index].me_key) == number))) {
        index = find_entry(keys, key, number, place, (size_t)number);
    }
    *value = index >= 0 ? entries[index].me_value : NULL;
    return index != UNKNOWN;
}

#endif

static inline PyObject *get_item(PyObject *dict, PyObject *key)
{
    if (!PyUnicode_CheckExact(key)) {
#ifdef TABLES_KNOWN
        PyObject *value;
        if (find_number(dict, key, &value)) {
            return value;
        }
#endif
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

#ifdef TABLES_KNOWN

static __attribute__((noinline)) int set_item(PyObject *dict, PyObject *key, PyObject *value)
{
    Py_ssize_t number = PyDict_Check(dict) ? small_number(key) : -1;
    return number < 0 ? PyDict_SetItem(dict, key, value)
                      : _PyDict_SetItem_KnownHash(dict, key, value, number);
}

static __attribute__((noinline)) int has_key(PyObject *dict, PyObject *key)
{
    PyObject *value;
    return find_number(dict, key, &value) ? value != NULL : PyDict_Contains(dict, key);
}

/* Of dictionaries, also those of a class that is derived from theirs and finds items as they do. */
static __attribute__((noinline)) PyObject *get_subscript(PyObject *object, PyObject *key)
{
    PyMappingMethods *mapping = Py_TYPE(object)->tp_as_mapping;
    if (mapping == NULL || mapping->mp_subscript == NULL) {
        return PyObject_GetItem(object, key);
    }
    if (mapping->mp_subscript == PyDict_Type.tp_as_mapping->mp_subscript) {
        PyObject *value;
        if (find_number(object, key, &value) && value != NULL) {
            Py_INCREF(value);
            return value;
        }
    }
    return mapping->mp_subscript(object, key);
}

#endif

#pragma GCC diagnostic pop

#else

#define get_item PyDict_GetItemWithError

#endif

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

static __attribute__((noinline)) PyObject *get_and_remember(
    PyObject *object, PyObject *name, Slot *place)
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
        Py_ssize_t offset = offset_of_slot(type, name);
        if (offset != 0) {
            Py_INCREF(name);
            Py_XSETREF(place->name, name);
            place->type = type;
            place->offset = offset;
            place->version = type->tp_version_tag;
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

typedef struct {
    PyTypeObject *type;
    PyObject *name;   /* owned */
    PyObject *method; /* the class's own, while it is what it was */
    unsigned int version;
    int dict; /* where the attributes of an object itself are; 0 if it cannot have any */
    _PyCFunctionFastWithKeywords function; /* of a compiled method, or NULL */
} Method;

static Method known_methods[SLOTS];

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

static __attribute__((noinline)) PyObject *find_and_call_method(
    PyObject *name, PyObject *const *args, size_t nargsf, PyObject *kwnames, Method *place)
{
    PyTypeObject *type = Py_TYPE(args[0]);
    if (type->tp_getattro == PyObject_GenericGetAttr && type->tp_dictoffset >= 0 &&
        type->tp_dictoffset <= INT_MAX && PyUnicode_CheckExact(name) &&
        PyUnicode_CHECK_INTERNED(name)) {
        PyObject *found = _PyType_Lookup(type, name);
        if (found != NULL && type->tp_version_tag != 0 &&
            PyType_HasFeature(Py_TYPE(found), Py_TPFLAGS_METHOD_DESCRIPTOR)) {
            Py_INCREF(name);
            Py_XSETREF(place->name, name);
            place->type = type;
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
    Method *place = &known_methods[mixed % SLOTS];
    if (place->type == type && place->name == name && place->version == type->tp_version_tag &&
        (place->dict == 0 || slot_at(args[0], place->dict) == NULL)) {
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
    return find_and_call_method(name, args, nargsf, kwnames, place);
}

#define MOST_FIELDS 32

/* What is known of a class of records that are nothing but fields. */
typedef struct {
    PyTypeObject *type;
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

static __attribute__((noinline)) void find_layout(PyTypeObject *type, Layout *place)
{
    Py_CLEAR(place->fields);
    place->type = NULL;
    find_fields(type, place);
    /* Looking something up gives a class its version. */
    if (type->tp_version_tag != 0) {
        place->type = type;
        place->version = type->tp_version_tag;
    }
    else {
        Py_CLEAR(place->fields);
    }
}

/* Return what is known of a class of records; NULL if they may be more than their fields. */
static inline Layout *layout_of(PyTypeObject *type)
{
    Layout *place = &known_layouts[((uintptr_t)type >> 5) % LAYOUTS];
    if (place->type != type || place->version != type->tp_version_tag) {
        find_layout(type, place);
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
`UNSET` if a field is empty, of which the class has to tell. */
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
    PyTypeObject *type;
    PyObject *names; /* owned */
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
static __attribute__((noinline)) bool find_changed(
    PyTypeObject *type, PyObject *names, Change *place)
{
    place->type = NULL;
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
    Py_XSETREF(place->names, names);
    place->type = type;
    place->version = type->tp_version_tag;
    return true;
}

/* Return a record with other values in some fields; NULL without an error if it is none of ours. */
static PyObject *changed_record(PyObject *const *args, PyObject *names)
{
    PyObject *record = args[0];
    PyTypeObject *type = Py_TYPE(record);
    uintptr_t mixed = ((uintptr_t)type >> 5) ^ ((uintptr_t)names >> 4);
    Change *place = &known_changes[mixed % CHANGES];
    if ((place->type != type || place->names != names ||
         place->version != type->tp_version_tag) && !find_changed(type, names, place)) {
        return NULL;
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
    return PyObject_Vectorcall(callable, args, nargsf, kwnames);
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
