/*
 * A disk that fails: loaded before libc, it lets one write, sync or truncation of a file below FAIL_BELOW fail.
 *
 * FAIL_AT counts those calls from 1; FAIL_WITH is the errno; with FAIL_ON=forever every later call fails too. The
 * file FAIL_COUNT gets the number of calls when the process ends.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_long calls;

static int below(int fd)
{
    const char *folder = getenv("FAIL_BELOW");
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (!folder || length < 0)
        return 0;
    path[length] = 0;
    return strncmp(path, folder, strlen(folder)) == 0;
}

static int fails(int fd)
{
    const char *at = getenv("FAIL_AT"), *with = getenv("FAIL_WITH");
    if (!at || !with || !below(fd))
        return 0;
    long call = atomic_fetch_add(&calls, 1) + 1;
    if (call == atol(at) || (call > atol(at) && getenv("FAIL_ON"))) {
        errno = atoi(with);
        return 1;
    }
    return 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t length)
{
    return fails(fd) ? -1 : REAL(write)(fd, data, length);
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t at)
{
    return fails(fd) ? -1 : REAL(pwrite)(fd, data, length, at);
}
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at)
{
    return fails(fd) ? -1 : REAL(pwrite64)(fd, data, length, at);
}
int fsync(int fd)
{
    return fails(fd) ? -1 : REAL(fsync)(fd);
}
int fdatasync(int fd)
{
    return fails(fd) ? -1 : REAL(fdatasync)(fd);
}
int ftruncate(int fd, off_t length)
{
    return fails(fd) ? -1 : REAL(ftruncate)(fd, length);
}
int ftruncate64(int fd, off64_t length)
{
    return fails(fd) ? -1 : REAL(ftruncate64)(fd, length);
}

__attribute__((destructor)) static void count(void)
{
    const char *path = getenv("FAIL_COUNT");
    int fd = path ? open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600) : -1;
    if (fd >= 0) {
        dprintf(fd, "%ld", atomic_load(&calls));
        close(fd);
    }
}
