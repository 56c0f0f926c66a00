/* The C library's clocks and plain sleeps. */
#include <errno.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

static bool is_wall(clockid_t id) { return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE || id == CLOCK_TAI; }

static uint64_t read_clock(clockid_t id) {
  return op_add(op_now(), is_wall(id) ? op_page()->epoch_ns : MONOTONIC_BASE_NS);
}

/* The game time at which a clock shows an absolute time; times before the start are 0. */
uint64_t op_deadline_of(clockid_t id, const struct timespec *absolute) {
  uint64_t base = is_wall(id) ? op_page()->epoch_ns : MONOTONIC_BASE_NS;
  if (absolute->tv_sec < 0) return 0;
  uint64_t at = (uint64_t)absolute->tv_sec > NEVER / NS_PER_S - 1 ? NEVER : op_ns(absolute);
  return at == NEVER ? NEVER : at > base ? at - base : 0;
}

HOOK int clock_gettime(clockid_t id, struct timespec *out) {
  if (!op_controlled()) return REAL(clock_gettime)(id, out);
  /* Processor time too: programs that measure themselves must not see how fast this machine is. */
  *out = op_timespec(read_clock(id));
  return 0;
}

HOOK int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  if (!op_controlled()) return REAL(gettimeofday)(out, zone);
  struct timespec now = op_timespec(read_clock(CLOCK_REALTIME));
  *out = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
  if (zone != NULL) *(struct timezone *)zone = (struct timezone){0};
  return 0;
}

HOOK time_t time(time_t *out) {
  if (!op_controlled()) return REAL(time)(out);
  time_t now = op_timespec(read_clock(CLOCK_REALTIME)).tv_sec;
  if (out != NULL) *out = now;
  return now;
}

HOOK int timespec_get(struct timespec *out, int base) {
  if (!op_controlled() || base != TIME_UTC) return REAL(timespec_get)(out, base);
  *out = op_timespec(read_clock(CLOCK_REALTIME));
  return base;
}

HOOK clock_t clock(void) {
  if (!op_controlled()) return REAL(clock)();
  return (clock_t)(op_now() / (NS_PER_S / CLOCKS_PER_SEC));
}

static bool is_bad(const struct timespec *time) {
  return time->tv_sec < 0 || time->tv_nsec < 0 || time->tv_nsec >= (long)NS_PER_S;
}

HOOK int nanosleep(const struct timespec *wanted, struct timespec *left) {
  if (!op_controlled()) return REAL(nanosleep)(wanted, left);
  if (is_bad(wanted)) {
    errno = EINVAL;
    return -1;
  }
  op_sleep_until(op_add(op_game_ns(), op_ns(wanted)));
  return 0;
}

HOOK int clock_nanosleep(clockid_t id, int flags, const struct timespec *wanted, struct timespec *left) {
  if (!op_controlled()) return REAL(clock_nanosleep)(id, flags, wanted, left);
  if (is_bad(wanted)) return EINVAL;
  op_sleep_until(flags & TIMER_ABSTIME ? op_deadline_of(id, wanted) : op_add(op_game_ns(), op_ns(wanted)));
  return 0;
}

HOOK int usleep(useconds_t microseconds) {
  if (!op_controlled()) return REAL(usleep)(microseconds);
  op_sleep_until(op_add(op_game_ns(), (uint64_t)microseconds * NS_PER_US));
  return 0;
}

HOOK unsigned sleep(unsigned seconds) {
  if (!op_controlled()) return REAL(sleep)(seconds);
  op_sleep_until(op_add(op_game_ns(), seconds * NS_PER_S));
  return 0;
}
