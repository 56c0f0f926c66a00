/* Timed waits of the C library: descriptors, condition variables, semaphores. Untimed ones are left alone. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#include "internal.h"

struct descriptors {
  struct pollfd *fds;
  nfds_t count;
  const sigset_t *mask;
  int result, error;
};

static bool try_poll(void *context, uint64_t slice_ns) {
  struct descriptors *wait = context;
  struct timespec slice = op_timespec(slice_ns);
  wait->result = REAL(ppoll)(wait->fds, wait->count, &slice, wait->mask);
  wait->error = errno;
  return wait->result != 0;
}

static int wait_poll(struct pollfd *fds, nfds_t count, uint64_t timeout_ns, const sigset_t *mask) {
  struct descriptors wait = {.fds = fds, .count = count, .mask = mask};
  if (!op_timed_wait(op_add(op_game_ns(), timeout_ns), try_poll, &wait)) return 0;
  errno = wait.error;
  return wait.result;
}

HOOK int poll(struct pollfd *fds, nfds_t count, int timeout_ms) {
  if (timeout_ms <= 0 || !op_controlled()) return REAL(poll)(fds, count, timeout_ms);
  return wait_poll(fds, count, (uint64_t)timeout_ms * NS_PER_MS, NULL);
}

HOOK int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask) {
  if (timeout == NULL || !op_controlled() || op_ns(timeout) == 0) return REAL(ppoll)(fds, count, timeout, mask);
  return wait_poll(fds, count, op_ns(timeout), mask);
}

HOOK int __poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t size);
HOOK int __poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t size) {
  (void)size;
  return poll(fds, count, timeout_ms);
}

struct selection {
  int count;
  fd_set *sets[3], asked[3];
  const sigset_t *mask;
  int result, error;
};

static bool try_select(void *context, uint64_t slice_ns) {
  struct selection *wait = context;
  struct timespec slice = op_timespec(slice_ns);
  for (int i = 0; i < 3; i++)
    if (wait->sets[i] != NULL) *wait->sets[i] = wait->asked[i];
  wait->result = REAL(pselect)(wait->count, wait->sets[0], wait->sets[1], wait->sets[2], &slice, wait->mask);
  wait->error = errno;
  return wait->result != 0;
}

static int wait_select(int count, fd_set *sets[3], uint64_t timeout_ns, const sigset_t *mask) {
  struct selection wait = {.count = count, .mask = mask};
  for (int i = 0; i < 3; i++) {
    wait.sets[i] = sets[i];
    if (sets[i] != NULL) wait.asked[i] = *sets[i];
  }
  if (!op_timed_wait(op_add(op_game_ns(), timeout_ns), try_select, &wait)) return 0;
  errno = wait.error;
  return wait.result;
}

HOOK int select(int count, fd_set *restrict in, fd_set *restrict out, fd_set *restrict other,
                struct timeval *restrict timeout) {
  uint64_t ns = timeout != NULL ? (uint64_t)timeout->tv_sec * NS_PER_S + (uint64_t)timeout->tv_usec * NS_PER_US : 0;
  if (ns == 0 || !op_controlled()) return REAL(select)(count, in, out, other, timeout);
  uint64_t deadline = op_add(op_game_ns(), ns);
  int result = wait_select(count, (fd_set *[]){in, out, other}, ns, NULL);
  uint64_t now = op_game_ns();
  struct timespec left = op_timespec(now < deadline ? deadline - now : 0); /* Linux tells what is left */
  *timeout = (struct timeval){.tv_sec = left.tv_sec, .tv_usec = left.tv_nsec / 1000};
  return result;
}

HOOK int pselect(int count, fd_set *restrict in, fd_set *restrict out, fd_set *restrict other,
                 const struct timespec *restrict timeout, const sigset_t *restrict mask) {
  if (timeout == NULL || !op_controlled() || op_ns(timeout) == 0)
    return REAL(pselect)(count, in, out, other, timeout, mask);
  return wait_select(count, (fd_set *[]){in, out, other}, op_ns(timeout), mask);
}

struct epoll {
  int fd, room, result, error;
  struct epoll_event *events;
};

/* epoll_pwait2 is younger than the kernels that matter; the epoll descriptor itself can be polled. */
static bool try_epoll(void *context, uint64_t slice_ns) {
  struct epoll *wait = context;
  struct pollfd ready = {.fd = wait->fd, .events = POLLIN};
  struct timespec slice = op_timespec(slice_ns);
  wait->result = REAL(ppoll)(&ready, 1, &slice, NULL);
  if (wait->result > 0) wait->result = REAL(epoll_wait)(wait->fd, wait->events, wait->room, 0);
  wait->error = errno;
  return wait->result != 0;
}

HOOK int epoll_wait(int fd, struct epoll_event *events, int room, int timeout_ms) {
  if (timeout_ms == 0 || !op_controlled()) return REAL(epoll_wait)(fd, events, room, timeout_ms);
  uint64_t deadline = timeout_ms < 0 ? NEVER : op_add(op_game_ns(), (uint64_t)timeout_ms * NS_PER_MS);
  op_server_sleeps(deadline);
  struct epoll wait = {.fd = fd, .events = events, .room = room};
  if (timeout_ms < 0) {
    wait.result = REAL(epoll_wait)(fd, events, room, timeout_ms);
    wait.error = errno;
  } else if (!op_timed_wait(deadline, try_epoll, &wait)) {
    wait.result = 0;
  }
  op_server_sleeps(0);
  errno = wait.error;
  return wait.result;
}

HOOK int epoll_pwait(int fd, struct epoll_event *events, int room, int timeout_ms, const sigset_t *mask) {
  if (timeout_ms <= 0 || mask != NULL || !op_controlled())
    return REAL(epoll_pwait)(fd, events, room, timeout_ms, mask);
  return epoll_wait(fd, events, room, timeout_ms);
}

/* Conditions: a timed wait lets go of the mutex and waits for the condition's count of signals instead. Waiting on the
 * condition itself in slices loses signals between two of them, and holds the mutex while time moves. */
enum { NUM_COUNTS = 1024 }; /* conditions that share one wake each other for nothing */
static uint32_t signal_counts[NUM_COUNTS], num_waiting;

static uint32_t *signals_of(pthread_cond_t *cond) { return &signal_counts[((uintptr_t)cond >> 4) % NUM_COUNTS]; }

static void count_signal(pthread_cond_t *cond) {
  uint32_t *count = signals_of(cond);
  __atomic_fetch_add(count, 1, __ATOMIC_SEQ_CST);
  if (LOAD(num_waiting) > 0) op_futex_wake(count);
}

HOOK int pthread_cond_signal(pthread_cond_t *cond) {
  count_signal(cond);
  return REAL(pthread_cond_signal)(cond);
}

HOOK int pthread_cond_broadcast(pthread_cond_t *cond) {
  count_signal(cond);
  return REAL(pthread_cond_broadcast)(cond);
}

struct condition {
  uint32_t *count, before;
};

static bool try_condition(void *context, uint64_t slice_ns) {
  struct condition *wait = context;
  if (slice_ns > 0) op_futex_wait(wait->count, wait->before, slice_ns);
  return LOAD(*wait->count) != wait->before;
}

static int wait_condition(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t deadline) {
  if (deadline == NEVER) return pthread_cond_wait(cond, mutex);
  struct condition wait = {.count = signals_of(cond)};
  __atomic_fetch_add(&num_waiting, 1, __ATOMIC_SEQ_CST);
  wait.before = LOAD(*wait.count);
  int error = pthread_mutex_unlock(mutex);
  bool happened = error == 0 && op_timed_wait(deadline, try_condition, &wait);
  if (error == 0) error = pthread_mutex_lock(mutex);
  __atomic_fetch_sub(&num_waiting, 1, __ATOMIC_SEQ_CST);
  return error ? error : happened ? 0 : ETIMEDOUT;
}

HOOK int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                                const struct timespec *restrict until) {
  if (!op_controlled()) return REAL(pthread_cond_timedwait)(cond, mutex, until);
  /* The condition's own clock is not told: a time far from the one clock belongs to the other. */
  bool wall = op_ns(until) > op_page()->epoch_ns / 2;
  return wait_condition(cond, mutex, op_deadline_of(wall ? CLOCK_REALTIME : CLOCK_MONOTONIC, until));
}

HOOK int pthread_cond_clockwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex, clockid_t id,
                                const struct timespec *restrict until) {
  if (!op_controlled()) return REAL(pthread_cond_clockwait)(cond, mutex, id, until);
  return wait_condition(cond, mutex, op_deadline_of(id, until));
}

struct semaphore {
  sem_t *semaphore;
  int result;
};

static bool try_semaphore(void *context, uint64_t slice_ns) {
  struct semaphore *wait = context;
  struct timespec until = op_timespec(op_real_ns() + slice_ns);
  wait->result = slice_ns == 0 ? sem_trywait(wait->semaphore)
                               : REAL(sem_clockwait)(wait->semaphore, CLOCK_MONOTONIC, &until);
  return wait->result == 0 || (errno != ETIMEDOUT && errno != EAGAIN);
}

static int wait_semaphore(sem_t *semaphore, uint64_t deadline) {
  struct semaphore wait = {.semaphore = semaphore};
  if (op_timed_wait(deadline, try_semaphore, &wait)) return wait.result;
  errno = ETIMEDOUT;
  return -1;
}

HOOK int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until) {
  if (!op_controlled()) return REAL(sem_timedwait)(semaphore, until);
  return wait_semaphore(semaphore, op_deadline_of(CLOCK_REALTIME, until));
}

HOOK int sem_clockwait(sem_t *restrict semaphore, clockid_t id, const struct timespec *restrict until) {
  if (!op_controlled()) return REAL(sem_clockwait)(semaphore, id, until);
  return wait_semaphore(semaphore, op_deadline_of(id, until));
}
