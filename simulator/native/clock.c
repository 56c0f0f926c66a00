/* Who owns game time, and how it moves.
 *
 * One thread, the driver, makes time: by sleeping, by presenting (a refresh lasts `dt_ns`), and, where it only reads
 * clocks, by a guard against busy waiting. Before the first present the main threads drive. All other threads wait for
 * the driver's time. When everybody waits for a sleeping worker, the stall rule lets that worker move time.
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "internal.h"

/* Chosen while the games of simulator/games were brought to replay equally; not measured one by one. */
enum {
  BUSY_QUERIES = 20000,     /* readings without progress before each costs BUSY_NS */
  BUSY_NS = 10000,          /* game time */
  SETTLE_CHECKS = 2,        /* consecutive readings of all threads asleep that count as settled */
  SETTLE_SLICE_NS = 200000, /* real time between them while somebody still runs */
  PATIENT_TICKS = 200,      /* processor time (10 ms each) for which a thread that never sleeps holds time */
  HASTY_TICKS = 2,          /* the same once one has done so; a thread that is starved of its core is waited for */
  SERVER_LOOKS = 2000,      /* at a wineserver that works, before it is left alone */
  SERVER_SLICE_NS = 50000,  /* real time between two of them */
  WORKER_SLICE_NS = 200000, /* real time that a worker waits which only reads clocks */
  FROZEN_WORKER_SLICE_NS = 2000000, /* the same while the game stands still */
  RIVAL_PRESENTS = 3,       /* presents in a row by another thread of the process that make it the driver */
};

static __thread uint32_t queries_without_progress;
static bool slept_since_present; /* of the driver */

bool op_stalled;

bool op_is_driver(void) {
  struct overplay_page *page = op_page();
  int driver = LOAD(page->driver_tid);
  return driver ? driver == op_tid() : op_tid() == getpid() && op_may_drive();
}

/* Time never runs backwards, also when a stalled worker and the driver move it at once. */
static void set_now(struct overplay_page *page, uint64_t now) {
  uint64_t old = LOAD(page->now_ns);
  while (old < now &&
         !__atomic_compare_exchange_n(&page->now_ns, &old, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
  }
  if (LOAD(page->wake_at_ns) > now) return;
  STORE(page->wake_at_ns, NEVER); /* first this, then the scan: a wait that is registered meanwhile lowers it itself */
  op_lower(&page->wake_at_ns, op_next_deadline(now));
  __atomic_fetch_add(&page->tick, 1, __ATOMIC_SEQ_CST);
  op_futex_wake(&page->tick);
}

/* The step is over: say so and stand still until the next one is granted. */
static void stop_at_limit(struct overplay_page *page, uint64_t limit) {
  uint32_t grant = LOAD(page->grant);
  if (LOAD(page->limit_ns) != limit) return; /* granted since the caller looked, as the first step may be */
  set_now(page, limit);
  uint32_t done = LOAD(page->done);
  while ((int32_t)(grant - done) > 0 &&
         !__atomic_compare_exchange_n(&page->done, &done, grant, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
  }
  op_futex_wake(&page->done);
  while (LOAD(page->grant) == grant) op_futex_wait(&page->grant, grant, NEVER);
  op_pad_flush();
}

static bool settled(struct overplay_page *page, uint64_t *busy_ticks) {
  *busy_ticks = 0;
  for (int check = 0; check < SETTLE_CHECKS; check++)
    if (op_wait_is_due(LOAD(page->now_ns)) || !op_others_sleep(busy_ticks)) return false;
  return true;
}

static bool pause_briefly(void *context, uint64_t slice_ns) {
  uint32_t never = 0;
  (void)context;
  op_futex_wait(&never, 0, slice_ns);
  return false;
}

/* Give the other threads real time, which costs no game time, until they sleep or a try succeeds. */
bool op_settle(struct overplay_page *page, op_try attempt, void *context) {
  static uint64_t patience = PATIENT_TICKS;
  uint64_t busy, last = 0, spent = 0;
  while (!settled(page, &busy) && spent < patience) {
    if (last > 0 && busy > last) spent += busy - last;
    last = busy;
    if (attempt(context, SETTLE_SLICE_NS)) return true;
  }
  if (spent >= patience) patience = HASTY_TICKS;
  return false;
}

static void advance_clamped(struct overplay_page *page, uint64_t target) {
  for (;;) {
    uint64_t now = op_clamped_ns(page), limit = LOAD(page->limit_ns);
    if (now >= limit) {
      stop_at_limit(page, limit);
      continue;
    }
    if (now >= target) return;
    uint64_t left = (target < limit ? target : limit) - now;
    uint32_t never = 0;
    op_futex_wait(&never, 0, (uint64_t)((double)left / page->speed) + 1);
  }
}

void op_server_sleeps(uint64_t deadline_ns) {
  struct overplay_page *page = op_page();
  if (LOAD(page->server_pid) == getpid()) STORE(page->server_wake_ns, deadline_ns);
}

/* What wineserver does at a time (timers, the tick count that programs read from memory) is done before time moves on. */
static void wait_for_server(struct overplay_page *page) {
  for (int look = 0; look < SERVER_LOOKS && LOAD(page->server_wake_ns) <= LOAD(page->now_ns); look++)
    pause_briefly(NULL, SERVER_SLICE_NS);
}

void op_advance(uint64_t target) {
  struct overplay_page *page = op_page();
  queries_without_progress = 0;
  if (page->mode == OVERPLAY_CLAMPED) {
    advance_clamped(page, target);
    return;
  }
  while (LOAD(page->now_ns) < target) {
    uint64_t limit = LOAD(page->limit_ns), next = target;
    if (page->flags & OVERPLAY_SETTLE) {
      op_settle(page, pause_briefly, NULL);
      uint64_t deadline = op_next_deadline(LOAD(page->now_ns));
      next = deadline < target ? deadline : target;
    }
    bool has_server = LOAD(page->server_pid) != 0 && LOAD(page->server_pid) != getpid();
    if (has_server) {
      wait_for_server(page);
      uint64_t wake = LOAD(page->server_wake_ns);
      if (wake > LOAD(page->now_ns) && wake < next) next = wake;
    }
    if (next <= limit)
      set_now(page, next);
    else
      stop_at_limit(page, limit);
  }
}

uint64_t op_now(void) {
  struct overplay_page *page = op_page();
  COUNT(page->queries);
  if (op_stalled && op_is_driver()) op_stalled = false;
  if (++queries_without_progress < BUSY_QUERIES) {
    if (page->mode == OVERPLAY_LOCKED) return LOAD(page->now_ns);
    uint64_t now = op_clamped_ns(page);
    if (now < LOAD(page->limit_ns) || !op_is_driver()) return now;
    advance_clamped(page, now); /* at the limit a driver that only reads clocks stands still too */
    return op_clamped_ns(page);
  }
  if (!op_is_driver()) { /* time is the driver's to move: do not burn a core while waiting for it */
    uint32_t tick = LOAD(page->tick);
    op_futex_wait(&page->tick, tick, op_frozen() ? FROZEN_WORKER_SLICE_NS : WORKER_SLICE_NS);
    return op_game_ns();
  }
  if (page->mode == OVERPLAY_LOCKED) {
    COUNT(page->busy_waits);
    op_advance(LOAD(page->now_ns) + BUSY_NS);
    queries_without_progress = BUSY_QUERIES;
  } else {
    advance_clamped(page, op_clamped_ns(page));
  }
  return op_game_ns();
}

/* A driver that was killed or left by _exit cannot hand time back. */
bool op_drop_dead_driver(void) {
  struct overplay_page *page = op_page();
  int32_t pid = LOAD(page->driver_pid);
  if (pid == 0 || pid == getpid() || kill(pid, 0) == 0 || errno != ESRCH) return false;
  STORE(page->driver_tid, 0);
  STORE(page->driver_pid, 0);
  return true;
}

void op_claim_driver(void) {
  static int rival, rival_presents;
  struct overplay_page *page = op_page();
  if (!op_may_drive()) return;
  if (LOAD(page->driver_pid) != getpid()) op_drop_dead_driver();
  int pid = getpid(), driver = LOAD(page->driver_tid);
  if (driver == op_tid()) {
    rival_presents = 0;
  } else if (driver == 0) {
    STORE(page->driver_pid, pid);
    STORE(page->driver_tid, op_tid());
  } else if (LOAD(page->driver_pid) == pid) { /* loading screens and play may be presented by different threads */
    rival_presents = rival == op_tid() ? rival_presents + 1 : 1;
    rival = op_tid();
    if (rival_presents >= RIVAL_PRESENTS) STORE(page->driver_tid, rival);
  }
}

void op_note_sleep(void) { slept_since_present = true; }

void op_note_present(bool is_gl) {
  struct overplay_page *page = op_page();
  if (!op_is_driver()) {
    COUNT(page->other_presents);
    return;
  }
  COUNT(page->presents);
  op_stalled = false;
  queries_without_progress = 0;
  if (page->mode == OVERPLAY_CLAMPED) advance_clamped(page, 0);
  if (page->mode == OVERPLAY_OFF) {
    if (page->vsync == OVERPLAY_VSYNC_ALWAYS) pause_briefly(NULL, page->dt_ns - op_real_ns() % page->dt_ns);
    op_pad_flush();
  }
  if (page->mode != OVERPLAY_LOCKED) return;
  uint32_t vsync = page->vsync == OVERPLAY_VSYNC_AUTO ? (is_gl ? OVERPLAY_VSYNC_ALWAYS : OVERPLAY_VSYNC_ADAPTIVE)
                                                      : page->vsync;
  bool waits = vsync == OVERPLAY_VSYNC_ALWAYS || (vsync == OVERPLAY_VSYNC_ADAPTIVE && !slept_since_present);
  slept_since_present = false;
  if (waits) op_advance((LOAD(page->now_ns) / page->dt_ns + 1) * page->dt_ns);
}
