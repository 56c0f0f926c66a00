/* Sleeps and timed waits, of the driver and of all other threads, and the stall rule. */
#include <unistd.h>

#include "internal.h"

/* Chosen while the games of simulator/games were brought to replay equally; not measured one by one. */
enum {
  SLICE_NS = 1000000,         /* real wait between two looks at game time */
  FROZEN_SLICE_NS = 10000000, /* the same while the game stands still */
  CHECK_NS = 20000000,        /* real time between two looks at all threads */
  STALL_CHECKS = 15,          /* looks in a row that found everybody asleep, the driver waiting for a thread */
  EXTERNAL_CHECKS = 100,      /* the same where the driver waits for something outside, such as the X server */
  KNOWN_CHECKS = 2,           /* once stalled, until the driver moves again */
  WINE_CHECKS = 4,            /* where the driver waits for wineserver, which has nothing to do */
  KNOWN_CHECK_NS = 2000000,   /* real time between two looks then */
};

struct stall {
  uint64_t next_check_ns, now_ns, queries;
  int checks;
};

/* Everybody sleeps, look after look, and nothing moved: then only this worker's deadline can wake anybody. */
static bool is_stalled(struct stall *stall, int slot) {
  struct overplay_page *page = op_page();
  uint64_t real = op_real_ns(), now = LOAD(page->now_ns), queries = LOAD(page->queries);
  if (real < stall->next_check_ns) return false;
  /* All that Wine's processes wait for is wineserver, which says itself when it has nothing to do. */
  bool is_wine = LOAD(page->server_pid) != 0, known = is_wine ? LOAD(page->server_wake_ns) != 0 : op_stalled;
  op_drop_dead_driver();
  stall->next_check_ns = real + (known ? KNOWN_CHECK_NS : CHECK_NS);
  int owner = LOAD(page->driver_pid), pid = getpid();
  bool is_entitled = owner == 0 || owner == pid || !op_may_drive();
  bool quiet = !op_frozen() && now == stall->now_ns && queries == stall->queries && is_entitled &&
               op_wait_is_first(slot) && op_everybody_sleeps();
  stall->now_ns = now;
  stall->queries = queries;
  stall->checks = quiet ? stall->checks + 1 : 0;
  if (!quiet) return false;
  int driver = LOAD(page->driver_tid);
  bool is_inside = op_thread_waits_for_threads(driver ? driver : pid);
  int needed = is_inside ? (known && is_wine ? WINE_CHECKS : STALL_CHECKS) : EXTERNAL_CHECKS;
  return stall->checks >= (known && !is_wine ? KNOWN_CHECKS : needed);
}

static void move_time(struct overplay_page *page, uint64_t deadline) {
  COUNT(page->stalls);
  op_advance(deadline);
  op_stalled = true;
}

static bool driver_wait(uint64_t deadline, op_try attempt, void *context) {
  struct overplay_page *page = op_page();
  COUNT(page->sleeps);
  op_stalled = false;
  while (!attempt(context, 0)) {
    /* What is waited for may be the work of a thread that still runs. */
    if (op_settle(page, attempt, context) || attempt(context, 0)) return true;
    uint64_t now = op_game_ns();
    if (now >= deadline) return false;
    op_note_sleep();
    uint64_t next = op_next_deadline(now);
    uint64_t refresh = (now / page->dt_ns + 1) * page->dt_ns; /* look again at least once a frame */
    next = next < refresh ? next : refresh;
    op_advance(next < deadline ? next : deadline);
  }
  return true;
}

bool op_timed_wait(uint64_t deadline, op_try attempt, void *context) {
  struct overplay_page *page = op_page();
  if (op_is_driver()) return driver_wait(deadline, attempt, context);
  COUNT(page->worker_waits);
  struct stall stall = {0};
  int slot = op_enter_wait(deadline);
  bool happened = attempt(context, 0);
  while (!happened && op_game_ns() < deadline) {
    happened = attempt(context, op_frozen() ? FROZEN_SLICE_NS : op_stalled ? KNOWN_CHECK_NS : SLICE_NS);
    /* In clamped mode time moves by itself, up to the limit; there somebody must say that the step is over. */
    if (happened || (page->mode == OVERPLAY_CLAMPED && op_game_ns() < LOAD(page->limit_ns))) continue;
    if (op_is_driver()) { /* it became the driver meanwhile */
      op_leave_wait(slot);
      return driver_wait(deadline, attempt, context);
    }
    if (is_stalled(&stall, slot)) {
      op_leave_wait(slot);
      move_time(page, deadline);
      return attempt(context, 0);
    }
  }
  op_leave_wait(slot);
  return happened || attempt(context, 0);
}

static bool never_happens(void *context, uint64_t slice_ns) {
  struct overplay_page *page = context;
  uint32_t tick = LOAD(page->tick);
  if (slice_ns > 0) op_futex_wait(&page->tick, tick, slice_ns);
  return false;
}

void op_sleep_until(uint64_t deadline) {
  struct overplay_page *page = op_page();
  if (op_is_driver()) {
    COUNT(page->sleeps);
    op_stalled = false;
    op_note_sleep();
    op_advance(deadline);
  } else {
    op_timed_wait(deadline, never_happens, page);
  }
}
