/* Looks up an integer in a table by its digits, and a name of a module once.

A table with integers as keys is asked several times for an event. Python asks the key for its hash,
and each key that it meets for a comparison; the hash of a small integer is the integer itself, and
two are equal if their digits are. Only where the layout of dictionaries is known, in Python 3.11;
others ask Python.

What a module has imported from one that is not compiled mypyc looks up in the dictionary of the
module each time. That is remembered, for as long as the dictionary is what it was
(`ma_version_tag`, which Python 3.13 and later do not have any more).
*/

#ifndef TABLES_H
#define TABLES_H

#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#define ITEMS 2048

#if PY_VERSION_HEX < 0x030D0000

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

typedef struct {
    PyObject *dict;
    PyObject *name;    /* owned */
    PyObject *value;   /* the dictionary's own, while it is what it was */
    uint64_t version; /* of the dictionary: no two are alike, of whichever dictionary */
} Item;

static Item known_items[ITEMS];

static __attribute__((noinline)) PyObject *get_and_keep(
    PyObject *dict, PyObject *name, Item *place)
{
    PyObject *value = PyDict_GetItemWithError(dict, name);
    /* The very string, kept alive here, is always of the same text: it need not be interned. */
    if (value != NULL) {
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

/* Find the entry of a key in a dictionary; NULL if there is none. False if Python has to be asked: the
key is no small integer, or there is a key that could be equal to it and is none either.

The places are looked at in the same order as by `_Py_dict_lookup`. */
static ALWAYS_INLINE bool find_number(PyObject *dict, PyObject *key, PyDictKeyEntry **entry)
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
    *entry = index >= 0 ? &entries[index] : NULL;
    return index != UNKNOWN;
}

#endif

static inline PyObject *get_item(PyObject *dict, PyObject *key)
{
    if (!PyUnicode_CheckExact(key)) {
#ifdef TABLES_KNOWN
        PyDictKeyEntry *entry;
        if (find_number(dict, key, &entry)) {
            return entry == NULL ? NULL : entry->me_value;
        }
#endif
        return PyDict_GetItemWithError(dict, key);
    }
    uintptr_t mixed = ((uintptr_t)dict >> 5) ^ ((uintptr_t)key >> 4);
    Item *place = &known_items[mixed % ITEMS];
    if (place->dict == dict && place->name == key &&
        place->version == ((PyDictObject *)dict)->ma_version_tag) {
        return place->value;
    }
    return get_and_keep(dict, key, place);
}

#ifdef TABLES_KNOWN

/* The value of a key that is there is put into its place. The dictionary keeps its version then: that
is asked about names only, and what they stand for has not changed. */
static __attribute__((noinline)) int set_item(PyObject *dict, PyObject *key, PyObject *value)
{
    Py_ssize_t number = PyDict_Check(dict) ? small_number(key) : -1;
    /* A dictionary that the collector does not look at yet has to be told to it with what it looks
    at. */
    if (number >= 0 && (!PyType_IS_GC(Py_TYPE(value)) || PyObject_GC_IsTracked(dict))) {
        PyDictKeyEntry *entry;
        if (find_number(dict, key, &entry) && entry != NULL) {
            PyObject *before = entry->me_value;
            Py_INCREF(value);
            entry->me_value = value;
            Py_DECREF(before);
            return 0;
        }
    }
    return number < 0 ? PyDict_SetItem(dict, key, value)
                      : _PyDict_SetItem_KnownHash(dict, key, value, number);
}

static __attribute__((noinline)) int has_key(PyObject *dict, PyObject *key)
{
    PyDictKeyEntry *entry;
    return find_number(dict, key, &entry) ? entry != NULL : PyDict_Contains(dict, key);
}

/* Of dictionaries, also those of a class that is derived from theirs and finds items as they do. */
static __attribute__((noinline)) PyObject *get_subscript(PyObject *object, PyObject *key)
{
    PyMappingMethods *mapping = Py_TYPE(object)->tp_as_mapping;
    if (mapping == NULL || mapping->mp_subscript == NULL) {
        return PyObject_GetItem(object, key);
    }
    if (mapping->mp_subscript == PyDict_Type.tp_as_mapping->mp_subscript) {
        PyDictKeyEntry *entry;
        if (find_number(object, key, &entry) && entry != NULL) {
            return Py_NewRef(entry->me_value);
        }
    }
    return mapping->mp_subscript(object, key);
}

#endif

#pragma GCC diagnostic pop

#else

#define get_item PyDict_GetItemWithError

#endif

#endif
