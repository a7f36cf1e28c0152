// shim.h -- the C side of the driver shim: where calls go, and the helpers that Go
// needs round them. See doc.go for the picture.

#ifndef POTION_SHIM_H
#define POTION_SHIM_H

#include <cuda.h>

#ifndef POTION_DRIVER_CUDA_H
#error "another cuda.h than cuda/driver/include/cuda.h was found first: build with make, which sets CGO_CFLAGS"
#endif

// Nothing outside this binary may see our cu* functions: libcuda.so.1 calls its
// own, and a library that a driver loads must not find ours.
#define HIDDEN __attribute__((visibility("hidden")))

struct potion_table;

// The table in use; NULL until potion_use.
const struct potion_table *potion_current(void);

// Answers a call that the table lacks and notes its name for the thread.
CUresult potion_absent(int open, const char *name);

// potion_load opens a driver library and looks up its entries. It returns 0, or
// copies the loader's message into why.
int potion_load(const char *path, char *why, size_t size);
// potion_missing tells whether the loaded library lacks an entry.
int potion_missing(const char *name);
// potion_version and potion_init call the loaded library before it is in use.
CUresult potion_version(int *version);
CUresult potion_init(void);
CUresult potion_count(int *n);
// potion_use makes the loaded library, or the emulator, answer from now on.
void potion_use(int emulated);

// Launch with the arguments packed in slots of 8 bytes.
#define POTION_MAX_ARGUMENTS 64
CUresult potion_launch(CUfunction f, const unsigned int *extent, unsigned int shared, CUstream s, uint64_t *slots, int n);

// What belongs to the calling thread: the emulator's current contexts, and the
// reason of the last failure.
#define POTION_MAX_CURRENT 32
#define POTION_MAX_SAID 1024
struct potion_thread {
	int depth;
	uint64_t context[POTION_MAX_CURRENT];
	CUresult result;
	char said[POTION_MAX_SAID];
	const char *absent;
};
struct potion_thread *potion_thread(void);

// How often the calling thread has made each call, in the order of potion_names.
uint64_t *potion_calls(void);
// The same by name; 0 for a name that is none.
uint64_t potion_calls_of(const char *name);

// Host memory for the emulator's pinned allocations; NULL when there is none.
void *potion_host_alloc(size_t n);

#endif
