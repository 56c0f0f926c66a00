/* The shared page: mapping it once per process, and reading game time from it.
 *
 * This file uses no other file of the library but resolve.c. So descriptors are closed by a system call: `close` is
 * the hook of pad.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

struct overplay_page *op_page_or_null;

/* Longer command lines are read to here. */
enum { MAX_COMMAND_LINE = 8192 };
static const char WINE_SERVER[] = "wineserver";

static struct overplay_page nothing; /* mode off: what a process without a page sees */
static uint32_t process_index;
static uint32_t place; /* in the page's lists of processes */
static bool may_drive = true;

/* Whether the command line holds the word that marks the program which owns time. */
static bool is_wanted(const char *word) {
  char line[MAX_COMMAND_LINE];
  int fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  ssize_t length = fd >= 0 ? read(fd, line, sizeof line) : 0;
  syscall(SYS_close, fd);
  return length > 0 && memmem(line, (size_t)length, word, strlen(word)) != NULL;
}

static void enlist(struct overplay_page *page) {
  place = COUNT(page->num_pids);
  if (place < OVERPLAY_MAX_PROCESSES) STORE(page->pids[place], getpid());
  if (strncmp(program_invocation_short_name, WINE_SERVER, sizeof WINE_SERVER - 1) == 0) STORE(page->server_pid, getpid());
}

static void enlist_after_fork(void) {
  struct overplay_page *page = op_page_or_null;
  if (page != NULL && page != &nothing) enlist(page);
}

void op_publish_deadline(uint64_t deadline_ns) {
  if (place < OVERPLAY_MAX_PROCESSES) STORE(op_page()->deadlines[place], deadline_ns);
}

bool op_is_before_others(uint64_t deadline_ns) {
  struct overplay_page *page = op_page();
  uint32_t count = LOAD(page->num_pids);
  for (uint32_t i = 0; i < count && i < OVERPLAY_MAX_PROCESSES; i++) {
    uint64_t other = LOAD(page->deadlines[i]);
    if (i != place && other != 0 && other < deadline_ns && kill(LOAD(page->pids[i]), 0) == 0) return false;
  }
  return true;
}

bool op_may_drive(void) {
  op_page();
  return may_drive;
}

static struct overplay_page *refuse(const char *path, const char *why) {
  fprintf(stderr, "overplay: cannot use the clock page %s: %s\n", path, why);
  _exit(127);
}

struct overplay_page *op_attach(void) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&lock);
  if (op_page_or_null == NULL) {
    const char *path = getenv("OVERPLAY_PAGE");
    struct overplay_page *page = &nothing;
    if (path != NULL && *path != '\0') {
      int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
      if (fd < 0) refuse(path, "it cannot be opened; the controller has gone");
      page = mmap(NULL, OVERPLAY_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      syscall(SYS_close, fd);
      if (page == MAP_FAILED) refuse(path, "it cannot be mapped");
      if (page->magic != OVERPLAY_MAGIC || page->version != OVERPLAY_VERSION)
        refuse(path, "it was written by another version of overplay");
      const char *word = getenv("OVERPLAY_DRIVER");
      may_drive = word == NULL || *word == '\0' || is_wanted(word);
      process_index = COUNT(page->num_processes);
      enlist(page);
      pthread_atfork(NULL, NULL, enlist_after_fork);
    }
    __atomic_store_n(&op_page_or_null, page, __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock(&lock);
  return op_page_or_null;
}

uint32_t op_process_index(void) {
  op_page();
  return process_index;
}

__attribute__((constructor)) static void attach_at_start(void) { op_page(); }

__attribute__((destructor)) static void hand_time_back(void) {
  struct overplay_page *page = op_page();
  if (page != &nothing && LOAD(page->driver_pid) == getpid()) {
    STORE(page->driver_tid, 0);
    STORE(page->driver_pid, 0);
  }
}

uint64_t op_real_ns(void) {
  struct timespec now;
  REAL(clock_gettime)(CLOCK_MONOTONIC, &now);
  return op_ns(&now);
}

void op_futex_wait(uint32_t *word, uint32_t value, uint64_t timeout_ns) {
  struct timespec timeout = op_timespec(timeout_ns == NEVER ? 0 : timeout_ns);
  syscall(SYS_futex, word, FUTEX_WAIT, value, timeout_ns == NEVER ? NULL : &timeout, NULL, 0);
}

void op_futex_wake(uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE, 1 << 30, NULL, NULL, 0); }

uint64_t op_clamped_ns(struct overplay_page *page) {
  uint64_t limit = LOAD(page->limit_ns);
  double passed = (double)(op_real_ns() - LOAD(page->clamp_real_ns)) * page->speed;
  uint64_t now = LOAD(page->clamp_game_ns) + (uint64_t)(passed > 0 ? passed : 0);
  return now < limit ? now : limit;
}

uint64_t op_game_ns(void) {
  struct overplay_page *page = op_page();
  return page->mode == OVERPLAY_CLAMPED ? op_clamped_ns(page) : LOAD(page->now_ns);
}

bool op_frozen(void) {
  struct overplay_page *page = op_page();
  return LOAD(page->done) == LOAD(page->grant);
}
