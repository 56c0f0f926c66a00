/* What the process's threads are doing, read from /proc. The stall rule asks this; it never asks how long they do it. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

enum { MAX_WAITS = 256 };

static __thread int tid;
static uint64_t deadlines[MAX_WAITS]; /* 0: the slot is free */

static void forget_after_fork(void) {
  tid = 0;
  memset(deadlines, 0, sizeof deadlines);
}

__attribute__((constructor)) static void watch_forks(void) { pthread_atfork(NULL, NULL, forget_after_fork); }

int op_tid(void) {
  if (tid == 0) tid = (int)syscall(SYS_gettid);
  return tid;
}

static bool read_small(const char *path, char *text, size_t size) {
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t length = read(fd, text, size - 1);
  syscall(SYS_close, fd); /* `close` is the hook of pad.c */
  text[length > 0 ? length : 0] = '\0';
  return length > 0;
}

/* True where a thread sleeps or has ended; else its processor time, in the kernel's ticks, is added. */
static bool sleeps(const char *folder, const char *id, uint64_t *busy_ticks) {
  char path[64], text[512], state = 'S';
  unsigned long user = 0, kernel = 0;
  snprintf(path, sizeof path, "%.32s/%.20s/stat", folder, id);
  if (!read_small(path, text, sizeof text)) return true;
  const char *name_end = strrchr(text, ')');
  if (name_end == NULL || sscanf(name_end + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &state, &user,
                                 &kernel) != 3)
    return true;
  if (strchr("SZXTt", state) != NULL) return true;
  *busy_ticks += user + kernel;
  return false;
}

static bool all_sleep(const char *path, uint64_t *busy_ticks) {
  DIR *folder = opendir(path);
  bool all = true;
  for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
    if (entry->d_name[0] != '.' && atoi(entry->d_name) != op_tid())
      all = sleeps(path, entry->d_name, busy_ticks) && all;
  if (folder != NULL) closedir(folder);
  return all;
}

bool op_others_sleep(uint64_t *busy_ticks) {
  uint64_t ticks = 0;
  bool all = all_sleep("/proc/self/task", &ticks);
  if (busy_ticks != NULL) *busy_ticks = ticks;
  return all;
}

bool op_everybody_sleeps(void) {
  struct overplay_page *page = op_page();
  uint64_t ticks = 0;
  if (!all_sleep("/proc/self/task", &ticks)) return false;
  uint32_t count = LOAD(page->num_pids);
  for (uint32_t i = 0; i < count && i < OVERPLAY_MAX_PROCESSES; i++) {
    char path[32];
    int pid = LOAD(page->pids[i]);
    if (pid <= 0 || pid == getpid()) continue;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    if (!all_sleep(path, &ticks)) return false;
  }
  return true;
}

bool op_thread_waits_for_threads(int id) {
  char path[64], text[256];
  snprintf(path, sizeof path, "/proc/self/task/%d/syscall", id);
  if (!read_small(path, text, sizeof text)) return true;
  long number = strtol(text, NULL, 10);
  if (LOAD(op_page()->server_pid) != 0 && number == SYS_read) return true; /* Wine waits for its server so */
  return number == SYS_futex || number == SYS_wait4 || number == SYS_waitid;
}

void op_lower(uint64_t *word, uint64_t value) {
  uint64_t old = LOAD(*word);
  while (value < old && !__atomic_compare_exchange_n(word, &old, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
  }
}

static void publish(void) {
  uint64_t first = op_next_deadline(0);
  op_publish_deadline(first == NEVER ? 0 : first);
}

int op_enter_wait(uint64_t deadline_ns) {
  struct overplay_page *page = op_page();
  for (int slot = 0; slot < MAX_WAITS; slot++) {
    uint64_t nobody = 0;
    uint64_t mine = deadline_ns ? deadline_ns : 1;
    if (__atomic_compare_exchange_n(&deadlines[slot], &nobody, mine, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
      op_lower(&page->wake_at_ns, mine);
      publish();
      return slot;
    }
  }
  fprintf(stderr, "overplay: more than %d threads sleep at once\n", MAX_WAITS);
  abort();
}

void op_leave_wait(int slot) {
  STORE(deadlines[slot], 0);
  publish();
}

uint64_t op_next_deadline(uint64_t now_ns) {
  uint64_t next = NEVER;
  for (int slot = 0; slot < MAX_WAITS; slot++) {
    uint64_t deadline = LOAD(deadlines[slot]);
    if (deadline > now_ns && deadline < next) next = deadline;
  }
  return next;
}

bool op_wait_is_due(uint64_t now_ns) {
  for (int slot = 0; slot < MAX_WAITS; slot++) {
    uint64_t deadline = LOAD(deadlines[slot]);
    if (deadline != 0 && deadline <= now_ns) return true;
  }
  return false;
}

bool op_wait_is_first(int slot) {
  uint64_t mine = LOAD(deadlines[slot]);
  for (int other = 0; other < MAX_WAITS; other++) {
    uint64_t deadline = LOAD(deadlines[other]);
    if (deadline != 0 && (deadline < mine || (deadline == mine && other < slot))) return false;
  }
  return op_is_before_others(mine);
}
