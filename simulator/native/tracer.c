/* overplay-tracer PROGRAM [ARGUMENT...]: the clock for programs that nothing can be preloaded into.
 *
 * The program runs under ptrace, with a filter that stops it at system calls that ask for time, sleep or draw random
 * bytes; its vDSO, through which it would read clocks without a call, is taken out of its start vector. All of that is
 * answered from the page (OVERPLAY_PAGE, see page.h). Time moves when every thread sleeps or waits: to the earliest
 * deadline, and not beyond the limit, where all stand still until the next grant. A sleep of the main thread counts as
 * a frame. Timeouts of polls and futexes are left real. Ends with the program's exit code.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "page.h"

#ifndef __x86_64__
int main(void) {
  fputs("overplay-tracer: static programs can be held on x86_64 only\n", stderr);
  return 127;
}
#else

/* Chosen with the programs of tests/unit/simulator; not measured one by one. */
enum {
  MAX_THREADS = 256,
  QUIET_LOOKS = 3,    /* in a row at threads that all sleep or wait, before time moves */
  LOOK_US = 300,      /* real time between two of them */
  AWAKE_LOOK_US = 30, /* the same while a thread computes */
  IDLE_LOOKS = 1000,  /* in a row, before time moves though nobody sleeps */
  BUSY_QUERIES = 500, /* readings of clocks without a sleep before each costs BUSY_NS */
  BUSY_NS = 1000000,
  SIGNAL_EXIT = 128,  /* shells add this to the number of a signal that ended a program */
};
#define NS_PER_S 1000000000ull
#define MONOTONIC_BASE_NS (1000 * NS_PER_S)

struct thread {
  pid_t tid;         /* 0: free */
  uint64_t deadline; /* it is held until then; 0: it runs */
};

static struct overplay_page *page;
static struct thread threads[MAX_THREADS];
static pid_t program;
static uint64_t seed;
static uint32_t queries;

static uint64_t to_ns(const struct timespec *t) { return (uint64_t)t->tv_sec * NS_PER_S + (uint64_t)t->tv_nsec; }

static bool is_wall(uint64_t id) {
  return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE || id == CLOCK_TAI;
}

static void put(pid_t tid, uint64_t address, const void *data, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/mem", tid);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || pwrite(fd, data, size, (off_t)address) != (ssize_t)size) perror("overplay-tracer: writing memory");
  close(fd);
}

static void get(pid_t tid, uint64_t address, void *data, size_t size) {
  char path[64];
  memset(data, 0, size);
  snprintf(path, sizeof path, "/proc/%d/mem", tid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || pread(fd, data, size, (off_t)address) != (ssize_t)size) perror("overplay-tracer: reading memory");
  close(fd);
}

static struct thread *slot_of(pid_t tid) {
  for (int i = 0; i < MAX_THREADS; i++)
    if (threads[i].tid == tid) return &threads[i];
  for (int i = 0; i < MAX_THREADS; i++) {
    if (threads[i].tid != 0) continue;
    threads[i] = (struct thread){.tid = tid};
    return &threads[i];
  }
  fprintf(stderr, "overplay-tracer: more than %d threads\n", MAX_THREADS);
  exit(127);
}

/* The start vector lies above the environment, which lies above the arguments. */
static void hide_vdso(pid_t tid) {
  struct user_regs_struct regs;
  ptrace(PTRACE_GETREGS, tid, NULL, &regs);
  uint64_t at = regs.rsp, word;
  get(tid, at, &word, sizeof word);
  at += 8 * (word + 2);
  do {
    get(tid, at, &word, sizeof word);
    at += 8;
  } while (word != 0);
  for (Elf64_auxv_t entry;; at += sizeof entry) {
    get(tid, at, &entry, sizeof entry);
    if (entry.a_type == AT_NULL) return;
    if (entry.a_type != AT_SYSINFO_EHDR) continue;
    entry.a_type = AT_IGNORE;
    put(tid, at, &entry, sizeof entry);
  }
}

static uint64_t next_random(void) { /* splitmix64 */
  uint64_t z = (seed += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

/* The call is not made; this is what it gave. */
static void answer(pid_t tid, struct user_regs_struct *regs, uint64_t result) {
  regs->orig_rax = (uint64_t)-1;
  regs->rax = result;
  ptrace(PTRACE_SETREGS, tid, NULL, regs);
}

static void fill_random(pid_t tid, uint64_t address, uint64_t size) {
  for (uint64_t done = 0; done < size; done += 8) {
    uint64_t word = next_random();
    put(tid, address + done, &word, size - done < 8 ? size - done : 8);
  }
}

/* The deadline of a sleep that a thread asks for. */
static uint64_t deadline_of(pid_t tid, const struct user_regs_struct *regs) {
  struct timespec wanted;
  bool is_clock = regs->orig_rax == SYS_clock_nanosleep;
  get(tid, is_clock ? regs->rdx : regs->rdi, &wanted, sizeof wanted);
  if (!is_clock || (regs->rsi & TIMER_ABSTIME) == 0) return page->now_ns + to_ns(&wanted);
  uint64_t base = is_wall(regs->rdi) ? page->epoch_ns : MONOTONIC_BASE_NS, at = to_ns(&wanted);
  return at > base ? at - base : 0;
}

/* Answers a call; true where the thread may go on. */
static bool serve(pid_t tid) {
  struct user_regs_struct regs;
  ptrace(PTRACE_GETREGS, tid, NULL, &regs);
  uint64_t base = is_wall(regs.rdi) || regs.orig_rax != SYS_clock_gettime ? page->epoch_ns : MONOTONIC_BASE_NS;
  uint64_t shown = page->now_ns + base;
  struct timespec ts = {.tv_sec = (time_t)(shown / NS_PER_S), .tv_nsec = (long)(shown % NS_PER_S)};
  struct timeval tv = {.tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000};
  switch (regs.orig_rax) {
    case SYS_clock_gettime: put(tid, regs.rsi, &ts, sizeof ts); break;
    case SYS_gettimeofday:
      if (regs.rdi != 0) put(tid, regs.rdi, &tv, sizeof tv);
      break;
    case SYS_time:
      if (regs.rdi != 0) put(tid, regs.rdi, &ts.tv_sec, sizeof ts.tv_sec);
      break;
    case SYS_getrandom:
      fill_random(tid, regs.rdi, regs.rsi);
      answer(tid, &regs, regs.rsi);
      return true;
    case SYS_nanosleep:
    case SYS_clock_nanosleep: {
      uint64_t deadline = deadline_of(tid, &regs);
      if (tid == program) page->sleeps++, page->presents++, queries = 0;
      else page->worker_waits++;
      answer(tid, &regs, 0);
      if (deadline <= page->now_ns) return true;
      slot_of(tid)->deadline = deadline;
      return false;
    }
    default: return true;
  }
  answer(tid, &regs, regs.orig_rax == SYS_time ? (uint64_t)ts.tv_sec : 0);
  page->queries++;
  if (++queries < BUSY_QUERIES) return true;
  page->busy_waits++;
  slot_of(tid)->deadline = page->now_ns + BUSY_NS;
  return false;
}

/* No thread computes: each is held by us, or waits in the kernel. */
static bool all_quiet(void) {
  for (int i = 0; i < MAX_THREADS; i++) {
    if (threads[i].tid == 0 || threads[i].deadline != 0) continue;
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", threads[i].tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    close(fd);
    text[length > 0 ? length : 0] = '\0';
    const char *end = strrchr(text, ')');
    if (end != NULL && end[2] != 'S') return false;
  }
  return true;
}

static uint64_t earliest(void) {
  uint64_t first = UINT64_MAX;
  for (int i = 0; i < MAX_THREADS; i++)
    if (threads[i].tid != 0 && threads[i].deadline != 0 && threads[i].deadline < first) first = threads[i].deadline;
  return first;
}

static void release_due(void) {
  for (int i = 0; i < MAX_THREADS; i++) {
    if (threads[i].tid == 0 || threads[i].deadline == 0 || threads[i].deadline > page->now_ns) continue;
    threads[i].deadline = 0;
    ptrace(PTRACE_CONT, threads[i].tid, NULL, NULL);
  }
}

static void wait_for_grant(void) {
  uint32_t grant = __atomic_load_n(&page->grant, __ATOMIC_SEQ_CST);
  __atomic_store_n(&page->done, grant, __ATOMIC_SEQ_CST);
  syscall(SYS_futex, &page->done, FUTEX_WAKE, 1 << 30, NULL, NULL, 0);
  while (__atomic_load_n(&page->grant, __ATOMIC_SEQ_CST) == grant)
    syscall(SYS_futex, &page->grant, FUTEX_WAIT, grant, NULL, NULL, 0);
}

/* Everybody waits: time moves. */
static void move_time(bool is_idle) {
  uint64_t next = earliest(), limit = __atomic_load_n(&page->limit_ns, __ATOMIC_SEQ_CST);
  if (next == UINT64_MAX && !is_idle) return; /* what they wait for comes from outside */
  if (next > limit) {
    page->now_ns = limit > page->now_ns ? limit : page->now_ns;
    wait_for_grant();
    return;
  }
  page->now_ns = next > page->now_ns ? next : page->now_ns;
  release_due();
}

static void start(char **arguments) {
#define STOP_AT(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE)
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      STOP_AT(SYS_clock_gettime), STOP_AT(SYS_gettimeofday), STOP_AT(SYS_time), STOP_AT(SYS_getrandom),
      STOP_AT(SYS_nanosleep), STOP_AT(SYS_clock_nanosleep), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog rules = {.len = sizeof filter / sizeof *filter, .filter = filter};
  ptrace(PTRACE_TRACEME, 0, NULL, NULL);
  raise(SIGSTOP);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &rules) != 0) perror("overplay-tracer: seccomp");
  execvp(arguments[0], arguments);
  fprintf(stderr, "overplay: cannot start %s: %s\n", arguments[0], strerror(errno));
  _exit(127);
}

/* Deals with what a thread stopped for; true where the program has ended, with its exit code. */
static bool handle(pid_t tid, int status, int *code) {
  if (WIFEXITED(status) || WIFSIGNALED(status)) {
    slot_of(tid)->tid = 0;
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : SIGNAL_EXIT + WTERMSIG(status);
    return tid == program;
  }
  int event = status >> 16, signal = WSTOPSIG(status);
  bool goes_on = true;
  slot_of(tid)->deadline = 0;
  if (event == PTRACE_EVENT_SECCOMP) goes_on = serve(tid);
  if (event == PTRACE_EVENT_EXEC) hide_vdso(tid);
  if (event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK) {
    unsigned long born = 0; /* known before it first stops, so that time waits for it */
    if (ptrace(PTRACE_GETEVENTMSG, tid, NULL, &born) == 0) slot_of((pid_t)born);
  }
  bool is_ours = event != 0 || signal == SIGTRAP || signal == SIGSTOP;
  if (goes_on) ptrace(PTRACE_CONT, tid, NULL, is_ours ? 0 : signal);
  return false;
}

static bool map_page(void) {
  const char *path = getenv("OVERPLAY_PAGE");
  int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
  page = fd >= 0 ? mmap(NULL, OVERPLAY_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
  close(fd);
  return page != MAP_FAILED && page->magic == OVERPLAY_MAGIC && page->version == OVERPLAY_VERSION;
}

int main(int count, char **arguments) {
  if (count < 2 || !map_page()) {
    fputs("usage: OVERPLAY_PAGE=FILE overplay-tracer PROGRAM [ARGUMENT...]\n", stderr);
    return 127;
  }
  seed = page->seed;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  program = fork();
  if (program == 0) start(arguments + 1);
  int status, code = 127;
  waitpid(program, &status, __WALL);
  long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                 PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
  ptrace(PTRACE_SETOPTIONS, program, NULL, options);
  page->num_processes = 1;
  page->driver_pid = page->driver_tid = program;
  slot_of(program);
  ptrace(PTRACE_CONT, program, NULL, NULL);
  for (int quiet = 0;;) {
    pid_t tid = waitpid(-1, &status, __WALL | WNOHANG);
    if (tid > 0) {
      if (handle(tid, status, &code)) return code;
      quiet = 0;
    } else if (tid < 0) {
      return code;
    } else if (!all_quiet()) {
      quiet = 0;
      usleep(AWAKE_LOOK_US);
    } else if (++quiet >= QUIET_LOOKS) {
      move_time(quiet > IDLE_LOOKS);
      if (earliest() != UINT64_MAX || quiet > IDLE_LOOKS) quiet = 0;
      else usleep(LOOK_US);
    }
  }
}
#endif
