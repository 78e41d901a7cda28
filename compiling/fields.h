/* Reads a field of a record where it lies: what `fieldreads.py` writes into the C of mypyc.

`attributes.h` remembers for each class and name where a field is, and has to look that up in a table; this
remembers it for each place of a program that reads one. And most fields that are read are integers
that are wanted as machine words, or booleans: those are taken from their objects without a reference
to these, which mypyc takes and gives back.

So does a place that reads a name of its module.

As there, what is found is what `PyObject_GetAttr` would find. A place reads records of one class, for
nearly all places; for others, and for whatever is unusual, `get_attribute` of `attributes.h` is asked.
*/

#ifndef FIELDS_H
#define FIELDS_H

/* Where a place of the program has found its field; nowhere so far if there is no class. */
typedef struct {
    PyTypeObject *type; /* owned */
    unsigned int version;
    int offset;
} Place;

#ifdef SLOTS_KNOWN

static __attribute__((noinline)) void find_field(PyTypeObject *type, PyObject *name, Place *place)
{
    Py_ssize_t offset = place->type == NULL ? offset_of_slot(type, name) : 0;
    if (offset > 0 && offset <= INT_MAX) {
        Py_INCREF(type);
        place->offset = (int)offset;
        place->version = type->tp_version_tag;
        place->type = type;
    }
}

/* Return the object in the slot of a field, borrowed; NULL if that is not known, or it is empty. */
static inline PyObject *known_field(PyObject *record, Place *place)
{
    PyTypeObject *type = Py_TYPE(record);
    if (type != place->type || type->tp_version_tag != place->version) {
        return NULL;
    }
    return slot_at(record, place->offset);
}

/* The same by the table of all fields, for a record of another class. */
static inline PyObject *elsewhere_known(PyObject *record, PyObject *name)
{
    return known_attribute(record, name, slot_of(Py_TYPE(record), name));
}

#else

#define find_field(type, name, place) ((void)(place))
#define known_field(record, place) ((PyObject *)NULL)
#define elsewhere_known(record, name) ((PyObject *)NULL)

#endif

static __attribute__((noinline)) PyObject *other_field(
    PyObject *record, PyObject *name, Place *place)
{
#ifdef SLOTS_KNOWN
    /* A name of a module is no field: there is nothing to remember. */
    if (PyModule_CheckExact(record)) {
        return get_and_remember(record, name, NULL);
    }
#endif
    find_field(Py_TYPE(record), name, place);
    return PyObject_GetAttr(record, name);
}

static inline PyObject *get_field(PyObject *record, PyObject *name, Place *place)
{
    PyObject *value = known_field(record, place);
    if (likely(value != NULL)) {
        Py_INCREF(value);
        return value;
    }
    return other_field(record, name, place);
}

/* Take an integer of at most two digits that is not negative out of its object; false for others. */
static inline bool is_small(PyObject *value, CPyTagged *result)
{
    if (unlikely(value == NULL || !Py_IS_TYPE(value, &PyLong_Type))) {
        return false;
    }
    PyLongObject *number = (PyLongObject *)value;
    Py_ssize_t size = CPY_LONG_SIZE_SIGNED(number);
    if (likely(size == 1)) {
        *result = (CPyTagged)CPY_LONG_DIGIT(number, 0) << 1;
        return true;
    }
    if (likely(size == 2)) {
        CPyTagged high = CPY_LONG_DIGIT(number, 1);
        *result = (high << PyLong_SHIFT | CPY_LONG_DIGIT(number, 0)) << 1;
        return true;
    }
    *result = 0;
    return size == 0;
}

static __attribute__((noinline)) CPyTagged other_int(
    PyObject *record, PyObject *name, Place *place)
{
    CPyTagged small;
    /* Where records of several classes are read, such as events, most are not of the place's. */
    if (place->type != NULL && is_small(elsewhere_known(record, name), &small)) {
        return small;
    }
    PyObject *value = other_field(record, name, place);
    if (value == NULL) {
        return CPY_INT_TAG;
    }
    CPyTagged result = CPY_INT_TAG;
    if (likely(PyLong_Check(value))) {
        result = CPyTagged_FromObject(value);
    }
    else {
        CPy_TypeError("int", value);
    }
    Py_DECREF(value);
    return result;
}

static inline CPyTagged get_int(PyObject *record, PyObject *name, Place *place)
{
    CPyTagged small;
    if (likely(is_small(known_field(record, place), &small))) {
        return small;
    }
    return other_int(record, name, place);
}

static __attribute__((noinline)) char other_bool(PyObject *record, PyObject *name, Place *place)
{
    PyObject *value = other_field(record, name, place);
    if (value == NULL) {
        return 2;
    }
    char result = 2;
    if (likely(PyBool_Check(value))) {
        result = value == Py_True;
    }
    else {
        CPy_TypeError("bool", value);
    }
    Py_DECREF(value);
    return result;
}

static inline char get_bool(PyObject *record, PyObject *name, Place *place)
{
    PyObject *value = known_field(record, place);
    return value == Py_False ? 0 : value == Py_True ? 1 : other_bool(record, name, place);
}

/* What a place of the program has found under a name of its module, and in which state of the
module's dictionary: no two states of dictionaries have the same version. */
typedef struct {
    PyObject *value; /* the dictionary's own, while it is what it was */
    uint64_t version;
} Global;

/* What a place of the program has found under a name of another module, or in a field of what is no
module. */
typedef struct {
    Place field;
    Global name;
} Name;

#if defined(SLOTS_KNOWN) && PY_VERSION_HEX < 0x030D0000

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* Return what a place has found in a dictionary, as long as that is what it was; otherwise NULL. */
static inline PyObject *known_global(PyObject *dict, Global *place)
{
    if (likely(place->version == ((PyDictObject *)dict)->ma_version_tag && place->value != NULL)) {
        Py_INCREF(place->value);
        return place->value;
    }
    return NULL;
}

static inline void remember_global(PyObject *dict, PyObject *value, Global *place)
{
    place->value = value;
    place->version = ((PyDictObject *)dict)->ma_version_tag;
}

#pragma GCC diagnostic pop

static __attribute__((noinline)) PyObject *find_global(
    PyObject *dict, PyObject *name, Global *place)
{
    PyObject *value = CPyDict_GetItem(dict, name);
    if (value != NULL && PyDict_CheckExact(dict)) {
        remember_global(dict, value, place);
    }
    return value;
}

static inline PyObject *get_global(PyObject *dict, PyObject *name, Global *place)
{
    PyObject *value = known_global(dict, place);
    return likely(value != NULL) ? value : find_global(dict, name, place);
}

static __attribute__((noinline)) PyObject *find_name(
    PyObject *module, PyObject *dict, PyObject *name, Global *place)
{
    PyObject *value = name_of_module(module, name);
    if (value == NULL) {
        return PyObject_GetAttr(module, name);
    }
    remember_global(dict, value, place);
    Py_INCREF(value);
    return value;
}

static inline PyObject *get_name(PyObject *owner, PyObject *name, Name *place)
{
    if (!PyModule_CheckExact(owner)) {
        return get_field(owner, name, &place->field);
    }
    PyObject *dict = PyModule_GetDict(owner);
    PyObject *value = known_global(dict, &place->name);
    return likely(value != NULL) ? value : find_name(owner, dict, name, &place->name);
}

#else

#define get_global(dict, name, place) ((void)(place), CPyDict_GetItem(dict, name))
#define get_name(owner, name, place) get_field(owner, name, &(place)->field)

#endif

#endif
