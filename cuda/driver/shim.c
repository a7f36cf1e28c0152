//go:build cuda && cgo && linux

#define _GNU_SOURCE // for RTLD_LOCAL, posix_memalign under -std=c99 as well
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "table.h"

// Calls may run on other threads while the table is put in use, hence atomics.
static _Atomic(const struct potion_table *) current;

// Filled by potion_load, read-only from potion_use on.
static struct potion_table loaded;

HIDDEN const struct potion_table *potion_current(void) {
	return atomic_load_explicit(&current, memory_order_acquire);
}

HIDDEN CUresult potion_absent(int open, const char *name) {
	if (!open) {
		return CUDA_ERROR_NOT_INITIALIZED;
	}
	potion_thread()->absent = name;
	return CUDA_ERROR_NOT_SUPPORTED;
}

HIDDEN int potion_load(const char *path, char *why, size_t size) {
	// RTLD_LOCAL: the library's cu* symbols must not answer anybody but the table.
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
		snprintf(why, size, "%s", dlerror());
		return -1;
	}
	void *entry[POTION_ENTRIES];
	_Static_assert(sizeof entry == sizeof loaded, "the table holds one pointer for each name");
	for (int i = 0; i < POTION_ENTRIES; i++) {
		entry[i] = dlsym(library, potion_names[i]);
	}
	memcpy(&loaded, entry, sizeof loaded);
	return 0;
}

HIDDEN int potion_missing(const char *name) {
	void *entry[POTION_ENTRIES];
	memcpy(entry, &loaded, sizeof entry);
	for (int i = 0; i < POTION_ENTRIES; i++) {
		if (strcmp(potion_names[i], name) == 0) {
			return entry[i] == NULL;
		}
	}
	return 1;
}

HIDDEN CUresult potion_version(int *version) { return loaded.cuDriverGetVersion(version); }

HIDDEN CUresult potion_init(void) { return loaded.cuInit(0); }

HIDDEN CUresult potion_count(int *n) { return loaded.cuDeviceGetCount(n); }

HIDDEN void potion_use(int emulated) {
	atomic_store_explicit(&current, emulated ? &potion_emulated : &loaded, memory_order_release);
}

HIDDEN CUresult potion_launch(CUfunction f, const unsigned int *e, unsigned int shared, CUstream s, uint64_t *slots, int n) {
	void *arguments[POTION_MAX_ARGUMENTS];
	for (int i = 0; i < n; i++) {
		arguments[i] = &slots[i];
	}
	return cuLaunchKernel(f, e[0], e[1], e[2], e[3], e[4], e[5], shared, s, arguments, NULL);
}

HIDDEN struct potion_thread *potion_thread(void) {
	// initial-exec: the general model calls __tls_get_addr, a library of its own.
	static _Thread_local __attribute__((tls_model("initial-exec"))) struct potion_thread thread;
	return &thread;
}

HIDDEN uint64_t *potion_calls(void) {
	static _Thread_local __attribute__((tls_model("initial-exec"))) uint64_t calls[POTION_ENTRIES];
	return calls;
}

HIDDEN uint64_t potion_calls_of(const char *name) {
	for (int i = 0; i < POTION_ENTRIES; i++) {
		if (strcmp(potion_names[i], name) == 0) {
			return potion_calls()[i];
		}
	}
	return 0;
}

HIDDEN void *potion_host_alloc(size_t n) {
	void *p = NULL;
	return posix_memalign(&p, 4096, n) == 0 ? p : NULL;
}
