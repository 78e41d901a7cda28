/* Keeps what is hardly ever done apart from what is done for each event.

Whatever way mypyc writes for an error is code that runs once at most: by `cold` the compiler puts
it, and what leads to it, away from the code around it. It is two thirds of all code, and replaying
a trace is slowed by code that does not fit the processor's caches.
*/

#ifndef COLD_H
#define COLD_H

#include <Python.h>

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

#endif
