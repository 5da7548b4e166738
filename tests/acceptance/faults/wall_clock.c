/* Moves the wall clock of the process that loads this; monotonic clocks stay true.
 *
 * WALL_CLOCK names a file whose first eight bytes are the offset in nanoseconds, little endian. It is mapped, so whoever
 * writes the file moves the clock while the process runs. Time is asked of the kernel by system calls: the C library's
 * own function is what is being replaced. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long long *offset;
static int looked;

/* An allocator may ask for the time before any constructor ran. */
__attribute__((constructor)) static void look(void) {
    const char *path = getenv("WALL_CLOCK");
    if (looked || path == NULL) return;
    looked = 1;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    void *mapped = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED) offset = mapped;
}

static int read_clock(clockid_t clock, struct timespec *time) {
    long answer = syscall(SYS_clock_gettime, clock, time);
    if (answer != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return (int)answer;
    look();
    if (offset == NULL) return 0;
    long long nanoseconds = time->tv_sec * 1000000000LL + time->tv_nsec + *offset;
    time->tv_sec = nanoseconds / 1000000000LL;
    time->tv_nsec = nanoseconds % 1000000000LL;
    return 0;
}

int clock_gettime(clockid_t clock, struct timespec *time) { return read_clock(clock, time); }

int gettimeofday(struct timeval *restrict moment, void *restrict zone) {
    struct timespec time;
    (void)zone;
    read_clock(CLOCK_REALTIME, &time);
    moment->tv_sec = time.tv_sec;
    moment->tv_usec = time.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *seconds) {
    struct timespec time;
    read_clock(CLOCK_REALTIME, &time);
    if (seconds != NULL) *seconds = time.tv_sec;
    return time.tv_sec;
}
