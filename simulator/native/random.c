/* Randomness that follows from the page's seed. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

enum {
  DEVICE_BYTES = 1 << 16, /* what one opening of /dev/urandom gives; programs read tens of bytes */
  MAX_ENTROPY = 256,      /* getentropy(3) refuses more */
};

/* SplitMix64 (Steele, Lea, Flood 2014), keyed by seed and process, counted over draws. */
static uint64_t draw(void) {
  static uint64_t count;
  uint64_t z = op_page()->seed + ((uint64_t)op_process_index() << 48);
  z += 0x9e3779b97f4a7c15ull * (1 + __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED));
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

void op_random_fill(void *bytes, size_t size) {
  for (size_t done = 0; done < size; done += sizeof(uint64_t)) {
    uint64_t value = draw();
    memcpy((char *)bytes + done, &value, size - done < sizeof value ? size - done : sizeof value);
  }
}

int op_random_open(const char *path, int flags) {
  if (path == NULL || (strcmp(path, "/dev/urandom") != 0 && strcmp(path, "/dev/random") != 0) || !op_controlled())
    return -1;
  int fd = (int)syscall(SYS_memfd_create, "overplay-random", flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
  if (fd < 0) return -1;
  char bytes[1024];
  for (int done = 0; done < DEVICE_BYTES; done += (int)sizeof bytes) {
    op_random_fill(bytes, sizeof bytes);
    if (write(fd, bytes, sizeof bytes) != (ssize_t)sizeof bytes) break;
  }
  lseek(fd, 0, SEEK_SET);
  return fd;
}

HOOK ssize_t getrandom(void *buffer, size_t length, unsigned flags) {
  if (!op_controlled()) return REAL(getrandom)(buffer, length, flags);
  op_random_fill(buffer, length);
  return (ssize_t)length;
}

HOOK int getentropy(void *buffer, size_t length) {
  if (!op_controlled()) return REAL(getentropy)(buffer, length);
  if (length > MAX_ENTROPY) {
    errno = EIO;
    return -1;
  }
  op_random_fill(buffer, length);
  return 0;
}

HOOK unsigned arc4random(void) {
  unsigned value = 0;
  if (!op_controlled()) return getrandom(&value, sizeof value, 0) < 0 ? 0 : value;
  op_random_fill(&value, sizeof value);
  return value;
}

HOOK void arc4random_buf(void *buffer, size_t length) {
  while (length > 0) { /* the kernel gives at most 32 MiB a call */
    ssize_t got = getrandom(buffer, length, 0);
    if (got <= 0) return;
    buffer = (char *)buffer + got;
    length -= (size_t)got;
  }
}

HOOK unsigned arc4random_uniform(unsigned bound) {
  if (bound < 2) return 0;
  for (unsigned least = -bound % bound;;) {
    unsigned value = arc4random();
    if (value >= least) return value % bound;
  }
}

/* std::random_device of libstdc++, which reads the processor's generator. */
HOOK unsigned op_random_device(void *self) __asm__("_ZNSt13random_device9_M_getvalEv");
HOOK unsigned op_random_device(void *self) {
  (void)self;
  return arc4random();
}
HOOK unsigned op_random_device_old(void *self) __asm__("_ZNSt13random_device16_M_getval_pretr1Ev");
HOOK unsigned op_random_device_old(void *self) {
  (void)self;
  return arc4random();
}
