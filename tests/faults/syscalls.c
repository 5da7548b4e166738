/* Lets the n-th call fail by which the process that loads this changes something beneath one folder, or kills it there.
 *
 * FAULTS names a file of one page that is mapped, so whoever writes it arms the fault while the process runs, and children
 * share the count. Calls are told by the path of the descriptor they go through. Nothing is ever synced to the disk: what
 * is tested is the death of processes, which the kernel's own memory of files survives. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct plan {
    long long count;     /* calls so far */
    long long at;        /* the one that is hit, from 1; 0: none */
    int fault;           /* an error number; -1: SIGKILL */
    int hit;             /* whether it was hit */
    char call[64];       /* which one it was */
    char place[928];     /* and where */
    char beneath[1024];  /* the folder; empty: nothing is counted */
};

static struct plan *plan;

__attribute__((constructor)) static void look(void) {
    const char *path = getenv("FAULTS");
    if (path == NULL) return;
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    void *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED) plan = mapped;
}

static int is_beneath(const char *place) {
    size_t length = strlen(plan->beneath);
    return strncmp(place, plan->beneath, length) == 0 && (place[length] == 0 || place[length] == '/');
}

/* Say whether this call is the one to fail; errno is set then. */
static int fails(const char *call, int descriptor, const char *path) {
    char place[4096] = "", link[32];
    if (plan == NULL || plan->beneath[0] == 0) return 0;
    if (path == NULL || path[0] != '/') {
        if (descriptor == AT_FDCWD) {
            if (getcwd(place, sizeof place) == NULL) return 0;
        } else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
            ssize_t length = readlink(link, place, sizeof place - 1);
            if (length < 0) return 0;
            place[length] = 0;
        }
    }
    if (path != NULL) {
        size_t length = strlen(place);
        snprintf(place + length, sizeof place - length, "%s%s", length ? "/" : "", path);
    }
    if (!is_beneath(place)) return 0;
    if (__atomic_add_fetch(&plan->count, 1, __ATOMIC_SEQ_CST) != plan->at) return 0;
    snprintf(plan->call, sizeof plan->call, "%s", call);
    snprintf(plan->place, sizeof plan->place, "%s", place);
    plan->hit = 1;
    if (plan->fault < 0) {
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
    errno = plan->fault;
    return 1;
}

#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

/* A call through a descriptor, or on a path; `arguments` are those of the call itself. */
#define WRAP(type, name, parameters, descriptor, path, arguments) \
    type name parameters {                                        \
        if (fails(#name, descriptor, path)) return -1;            \
        return REAL(name) arguments;                              \
    }

WRAP(int, mkdir, (const char *path, mode_t mode), AT_FDCWD, path, (path, mode))
WRAP(int, mkdirat, (int at, const char *path, mode_t mode), at, path, (at, path, mode))
WRAP(int, rename, (const char *from, const char *to), AT_FDCWD, from, (from, to))
WRAP(int, renameat, (int at, const char *from, int to_at, const char *to), at, from, (at, from, to_at, to))
WRAP(int, renameat2, (int at, const char *from, int to_at, const char *to, unsigned flags), at, from,
     (at, from, to_at, to, flags))
WRAP(int, unlink, (const char *path), AT_FDCWD, path, (path))
WRAP(int, unlinkat, (int at, const char *path, int flags), at, path, (at, path, flags))
WRAP(int, rmdir, (const char *path), AT_FDCWD, path, (path))
WRAP(int, link, (const char *from, const char *to), AT_FDCWD, to, (from, to))
WRAP(int, linkat, (int at, const char *from, int to_at, const char *to, int flags), to_at, to,
     (at, from, to_at, to, flags))
WRAP(int, symlink, (const char *target, const char *path), AT_FDCWD, path, (target, path))
WRAP(int, symlinkat, (const char *target, int at, const char *path), at, path, (target, at, path))
WRAP(ssize_t, write, (int file, const void *bytes, size_t count), file, NULL, (file, bytes, count))
WRAP(ssize_t, writev, (int file, const struct iovec *pieces, int count), file, NULL, (file, pieces, count))
WRAP(ssize_t, pwrite64, (int file, const void *bytes, size_t count, off64_t at), file, NULL, (file, bytes, count, at))
WRAP(int, ftruncate64, (int file, off64_t size), file, NULL, (file, size))
WRAP(int, fchmod, (int file, mode_t mode), file, NULL, (file, mode))
WRAP(int, fchmodat, (int at, const char *path, mode_t mode, int flags), at, path, (at, path, mode, flags))
WRAP(int, futimens, (int file, const struct timespec times[2]), file, NULL, (file, times))
WRAP(int, utimensat, (int at, const char *path, const struct timespec times[2], int flags), at, path,
     (at, path, times, flags))
WRAP(int, fallocate64, (int file, int mode, off64_t at, off64_t size), file, NULL, (file, mode, at, size))
WRAP(ssize_t, copy_file_range, (int from, off64_t *at, int to, off64_t *to_at, size_t count, unsigned flags), to, NULL,
     (from, at, to, to_at, count, flags))
WRAP(ssize_t, sendfile64, (int to, int from, off64_t *at, size_t count), to, NULL, (to, from, at, count))

int posix_fallocate64(int file, off64_t at, off64_t size) {
    return fails("posix_fallocate64", file, NULL) ? errno : REAL(posix_fallocate64)(file, at, size);
}
int fsync(int file) { return fails("fsync", file, NULL) ? -1 : 0; }
int fdatasync(int file) { return fails("fdatasync", file, NULL) ? -1 : 0; }

/* The flags of an open that makes a file; that of a file without a name has the one of folders in it. */
#define MAKES (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))

#define OPEN(name, parameters, descriptor, arguments)                                                        \
    int name parameters {                                                                                    \
        va_list rest;                                                                                        \
        va_start(rest, flags);                                                                               \
        mode_t mode = flags & MAKES ? va_arg(rest, mode_t) : 0;                                              \
        va_end(rest);                                                                                        \
        if (flags & MAKES && fails(#name, descriptor, path)) return -1;                                      \
        return REAL(name) arguments;                                                                         \
    }

OPEN(open, (const char *path, int flags, ...), AT_FDCWD, (path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), AT_FDCWD, (path, flags, mode))
OPEN(openat, (int at, const char *path, int flags, ...), at, (at, path, flags, mode))
OPEN(openat64, (int at, const char *path, int flags, ...), at, (at, path, flags, mode))

/* Calls that the C library has no name for. */
long syscall(long number, ...) {
    long given[6];
    va_list rest;
    va_start(rest, number);
    for (int place = 0; place < 6; place++) given[place] = va_arg(rest, long);
    va_end(rest);
    if (number == SYS_renameat2 && fails("renameat2", (int)given[0], (const char *)given[1])) return -1;
    if (number == SYS_openat2 && ((const struct open_how *)given[2])->flags & O_CREAT &&
        fails("openat2", (int)given[0], (const char *)given[1]))
        return -1;
    return REAL(syscall)(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}
