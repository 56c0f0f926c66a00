/* What the files of the library share. Every symbol is hidden unless it is marked HOOK.
 *
 * A file may use those above it here, so that no two use each other: a test compares the compiled files.
 */
#ifndef OVERPLAY_INTERNAL_H
#define OVERPLAY_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "page.h"

#if __SIZEOF_POINTER__ != 8
#error "the clock library is for 64-bit programs"
#endif

#define HOOK __attribute__((visibility("default")))
#define NEVER UINT64_MAX
#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull
#define NS_PER_US 1000ull
/* CLOCK_MONOTONIC at game time 0: programs take 0 for "not set". */
#define MONOTONIC_BASE_NS (1000 * NS_PER_S)

#define LOAD(field) __atomic_load_n(&(field), __ATOMIC_SEQ_CST)
#define STORE(field, value) __atomic_store_n(&(field), (value), __ATOMIC_SEQ_CST)
#define COUNT(field) __atomic_fetch_add(&(field), 1, __ATOMIC_RELAXED)

/* The function that a hook stands before, looked up once. */
#define REAL(name) \
  ({ \
    static __typeof__(&name) real_; \
    if (real_ == NULL) real_ = (__typeof__(&name))op_next(#name); \
    real_; \
  })

/* Small helpers. */
static inline uint64_t op_ns(const struct timespec *t) { return (uint64_t)t->tv_sec * NS_PER_S + (uint64_t)t->tv_nsec; }
static inline struct timespec op_timespec(uint64_t ns) {
  return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}
static inline uint64_t op_add(uint64_t a, uint64_t b) { return a > NEVER - b ? NEVER : a + b; }

/* resolve.c: the functions that hooks stand before */
void *op_next(const char *name); /* the definition after ours; ends the program with one line if there is none */
void *op_find(const char *name, const char *library); /* in any loaded library whose path contains `library`; or NULL */
void *op_dlsym(void *handle, const char *name);       /* the real dlsym */

/* page.c: the shared page, and time as it stands there */
extern struct overplay_page *op_page_or_null;
struct overplay_page *op_attach(void);
static inline struct overplay_page *op_page(void) { return op_page_or_null ? op_page_or_null : op_attach(); }
static inline bool op_controlled(void) { return op_page()->mode != OVERPLAY_OFF; }
bool op_may_drive(void);         /* false for helpers of the program that owns time */
void op_publish_deadline(uint64_t deadline_ns); /* the earliest of this process; 0 for none */
bool op_is_before_others(uint64_t deadline_ns); /* no other living process has an earlier one */
uint32_t op_process_index(void); /* 0 for the first process that attached, and so on */
uint64_t op_game_ns(void);       /* game time, without counting a reading */
uint64_t op_clamped_ns(struct overplay_page *page); /* the same in clamped mode */
bool op_frozen(void);            /* the granted step is used up */
uint64_t op_real_ns(void);                                               /* real CLOCK_MONOTONIC */
void op_futex_wait(uint32_t *word, uint32_t value, uint64_t timeout_ns); /* NEVER: no timeout */
void op_futex_wake(uint32_t *word);

/* random.c */
int op_random_open(const char *path, int flags); /* a descriptor, or -1 where the path is not a random device */
void op_random_fill(void *bytes, size_t size);

/* pad.c: the fake pad */
#define OVERPLAY_JOYDEV "/js0" /* after the pad's path: the same pad as the kernel's older joystick interface */
int op_pad_open(const char *path, int flags); /* a descriptor, or -1 where the path is not the pad's */
void op_pad_flush(void);                      /* tell the game what changed */

/* threads.c: what threads do, and until when they wait */
int op_tid(void);
/* Every other thread of the process is in an interruptible sleep; else tells the processor time of those awake. */
bool op_others_sleep(uint64_t *busy_ticks);
bool op_everybody_sleeps(void); /* the same for all processes that mapped the page */
bool op_thread_waits_for_threads(int tid);  /* the thread is in futex or wait4, or nobody can tell */
int op_enter_wait(uint64_t deadline_ns);    /* register a worker's wait; returns a slot */
void op_leave_wait(int slot);
bool op_wait_is_due(uint64_t now_ns);       /* a registered deadline has passed and its thread has not returned yet */
bool op_wait_is_first(int slot);
uint64_t op_next_deadline(uint64_t now_ns); /* earliest registered deadline after now; NEVER for none */
void op_lower(uint64_t *word, uint64_t value); /* atomic minimum */

/* One try of a wait: returns true when what is waited for happened, false when `slice_ns` of real time passed. */
typedef bool (*op_try)(void *context, uint64_t slice_ns);

/* clock.c: who owns time, and moving it */
uint64_t op_now(void);               /* a reading by the program: counted, and guarded against busy waiting */
void op_advance(uint64_t target_ns); /* the caller owns time: move it, stopping at the limit */
/* Give the other threads real time, which costs no game time, until they sleep (false) or a try succeeds (true). */
bool op_settle(struct overplay_page *page, op_try attempt, void *context);
bool op_is_driver(void);
void op_claim_driver(void); /* the calling thread presented */
bool op_drop_dead_driver(void); /* true where the driver's process was gone: main threads own time again */
void op_note_sleep(void);          /* the driver slept: an adaptive refresh does not wait */
void op_note_present(bool is_gl); /* after the frame is out: time of the refresh */
void op_server_sleeps(uint64_t deadline_ns); /* wineserver says so before it waits, 0 afterwards; others nothing */
extern bool op_stalled; /* the stall rule of waits.c moved time, and the driver has not shown life since */

/* waits.c: sleeps and timed waits */
void op_sleep_until(uint64_t deadline_ns);
/* True when a try succeeded, false when game time reached the deadline. */
bool op_timed_wait(uint64_t deadline_ns, op_try attempt, void *context);

/* clock_hooks.c */
uint64_t op_deadline_of(clockid_t id, const struct timespec *absolute); /* the game time at which a clock shows it */

#endif
