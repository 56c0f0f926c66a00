/* What a program opens: the pad, random devices, and score files that all users share, which move into the home.
 *
 * Games keep scores for all users below /var/games. There one episode would see what another one left, and a replay
 * shows another table of scores; below the private home every process starts without any.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

static const char SHARED[] = "/var/games";

/* The path below the home for a shared one, in `moved`; every other path as it is. */
static const char *place(const char *path, char moved[PATH_MAX]) {
  size_t length = sizeof SHARED - 1;
  const char *home;
  if (path == NULL || strncmp(path, SHARED, length) != 0 || (path[length] != '/' && path[length] != '\0')) return path;
  if (op_page()->magic != OVERPLAY_MAGIC || (home = getenv("HOME")) == NULL) return path;
  return snprintf(moved, PATH_MAX, "%s%s", home, path) < PATH_MAX ? moved : path;
}

static int open_ours(const char *path, int flags) {
  int fd = op_pad_open(path, flags);
  return fd >= 0 ? fd : op_random_open(path, flags);
}

static int open_at(int folder, const char *path, int flags, mode_t mode) {
  char moved[PATH_MAX];
  int fd = open_ours(path, flags);
  if (fd >= 0) return fd;
  return (int)syscall(SYS_openat, folder, place(path, moved), flags, mode);
}

#define MODE(flags, last) \
  ({ \
    mode_t mode_ = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { \
      va_list list_; \
      va_start(list_, last); \
      mode_ = va_arg(list_, mode_t); \
      va_end(list_); \
    } \
    mode_; \
  })

HOOK int open(const char *path, int flags, ...) { return open_at(AT_FDCWD, path, flags, MODE(flags, flags)); }
HOOK int open64(const char *path, int flags, ...) { return open_at(AT_FDCWD, path, flags, MODE(flags, flags)); }
HOOK int openat(int folder, const char *path, int flags, ...) {
  return open_at(folder, path, flags, MODE(flags, flags));
}
HOOK int openat64(int folder, const char *path, int flags, ...) {
  return open_at(folder, path, flags, MODE(flags, flags));
}
HOOK int __open_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
HOOK int __open64_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
HOOK int creat(const char *path, mode_t mode) { return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
HOOK int creat64(const char *path, mode_t mode) { return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

#define FOPEN(name) \
  HOOK FILE *name(const char *path, const char *mode) { \
    char moved[PATH_MAX]; \
    int fd = open_ours(path, O_RDONLY); \
    return fd >= 0 ? fdopen(fd, "r") : REAL(name)(place(path, moved), mode); \
  }
FOPEN(fopen)
FOPEN(fopen64)

/* One path, first argument. */
#define MOVED(result, name, parameters, ...) \
  HOOK result name parameters; \
  HOOK result name parameters { \
    char moved[PATH_MAX]; \
    path = place(path, moved); \
    return REAL(name)(__VA_ARGS__); \
  }
MOVED(DIR *, opendir, (const char *path), path)
MOVED(int, access, (const char *path, int mode), path, mode)
MOVED(int, mkdir, (const char *path, mode_t mode), path, mode)
MOVED(int, rmdir, (const char *path), path)
MOVED(int, chmod, (const char *path, mode_t mode), path, mode)
MOVED(int, truncate, (const char *path, off_t size), path, size)
MOVED(int, unlink, (const char *path), path)
MOVED(int, remove, (const char *path), path)
HOOK int rename(const char *from, const char *to) {
  char moved_from[PATH_MAX], moved_to[PATH_MAX];
  return REAL(rename)(place(from, moved_from), place(to, moved_to));
}

/* Older libraries have `__xstat` alone, newer ones both; the kernel's answer has the one form on 64-bit machines. */
static int look_at(const char *path, void *out, int flags) {
  char moved[PATH_MAX];
  return (int)syscall(SYS_newfstatat, AT_FDCWD, place(path, moved), out, flags);
}

HOOK int stat(const char *restrict path, struct stat *restrict out) { return look_at(path, out, 0); }
HOOK int stat64(const char *restrict path, struct stat64 *restrict out) { return look_at(path, out, 0); }
HOOK int lstat(const char *restrict path, struct stat *restrict out) { return look_at(path, out, AT_SYMLINK_NOFOLLOW); }
HOOK int lstat64(const char *restrict path, struct stat64 *restrict out) {
  return look_at(path, out, AT_SYMLINK_NOFOLLOW);
}
#define OLD_STAT(name, type, flags) \
  HOOK int name(int version, const char *path, struct type *out); \
  HOOK int name(int version, const char *path, struct type *out) { \
    (void)version; \
    return look_at(path, out, flags); \
  }
OLD_STAT(__xstat, stat, 0)
OLD_STAT(__xstat64, stat64, 0)
OLD_STAT(__lxstat, stat, AT_SYMLINK_NOFOLLOW)
OLD_STAT(__lxstat64, stat64, AT_SYMLINK_NOFOLLOW)
