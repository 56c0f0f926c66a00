/* The page that the controller (Python) and the library (inside the game) share.
 *
 * A file of OVERPLAY_PAGE_SIZE bytes, mapped by both; its path is in the environment variable OVERPLAY_PAGE, which
 * children inherit. Little-endian, naturally aligned, no pointers. Times are nanoseconds of game time since the start
 * unless a comment says otherwise. `page.py` mirrors this file; a test compares every offset.
 *
 * A step: the controller writes the pad, raises `limit_ns`, adds one to `grant` and wakes it; the library runs the game
 * until its time would pass `limit_ns`, sets `done` to `grant`, wakes it and stands still: `done == grant` is frozen.
 *
 * Of several processes one owns time. Where OVERPLAY_DRIVER holds a word, only processes whose command line contains it
 * may: a Windows game among Wine's services.
 */
#ifndef OVERPLAY_PAGE_H
#define OVERPLAY_PAGE_H

#include <stdint.h>

#define OVERPLAY_MAGIC 0x4c50564fu /* "OVPL" */
#define OVERPLAY_VERSION 2u
#define OVERPLAY_PAGE_SIZE 4096u

enum overplay_mode {
  OVERPLAY_OFF = 0,     /* real time; pad and counters only */
  OVERPLAY_LOCKED = 1,  /* the presenting thread's actions make time; equal inputs give equal frames */
  OVERPLAY_CLAMPED = 2, /* real time times `speed`, held at `limit_ns` */
};

enum overplay_vsync {
  OVERPLAY_VSYNC_NEVER = 0,    /* a present takes no time */
  OVERPLAY_VSYNC_ADAPTIVE = 1, /* a present lasts until the next refresh unless the driver slept since the last one */
  OVERPLAY_VSYNC_ALWAYS = 2,   /* a present lasts until the next refresh */
  OVERPLAY_VSYNC_AUTO = 3,     /* always for GL, adaptive for software paths */
};

/* `flags` */
#define OVERPLAY_SETTLE 1u   /* before time moves, wait until the process's other threads sleep */
#define OVERPLAY_SURFACES 2u /* a picture put to the X server is a frame, as Wine shows what GDI draws */

enum { OVERPLAY_MAX_PROCESSES = 64 };

/* `pad_buttons`: bit of each button. Sticks and triggers have fields of their own. */
enum overplay_button {
  OVERPLAY_SOUTH, OVERPLAY_EAST, OVERPLAY_WEST, OVERPLAY_NORTH, OVERPLAY_LEFT_SHOULDER, OVERPLAY_RIGHT_SHOULDER,
  OVERPLAY_BACK, OVERPLAY_START, OVERPLAY_GUIDE, OVERPLAY_LEFT_THUMB, OVERPLAY_RIGHT_THUMB,
  OVERPLAY_DPAD_UP, OVERPLAY_DPAD_DOWN, OVERPLAY_DPAD_LEFT, OVERPLAY_DPAD_RIGHT,
};

struct overplay_page {
  /* Written by the controller before the game starts. */
  uint32_t magic;     /* OVERPLAY_MAGIC */
  uint32_t version;   /* OVERPLAY_VERSION; the library refuses another */
  uint32_t mode;      /* enum overplay_mode */
  uint32_t vsync;     /* enum overplay_vsync; in locked mode, and ALWAYS in real time too */
  uint32_t flags;     /* OVERPLAY_SETTLE, OVERPLAY_SURFACES */
  uint32_t reserved;  /* 0 */
  uint64_t seed;      /* what getrandom, /dev/urandom and their like are derived from */
  uint64_t epoch_ns;  /* CLOCK_REALTIME at game time 0, ns since 1970 */
  uint64_t dt_ns;     /* refresh period */
  double speed;       /* clamped mode: game seconds per real second, above 0 */

  /* Written by the controller before each grant. */
  uint64_t limit_ns;      /* game time stops here */
  uint64_t clamp_game_ns; /* clamped mode: game time at `clamp_real_ns` */
  uint64_t clamp_real_ns; /* clamped mode: real CLOCK_MONOTONIC at the grant */
  uint32_t grant;         /* futex: number of steps granted */
  uint32_t pad_buttons;   /* bits of enum overplay_button */
  int32_t pad_axes[4];    /* left x, left y, right x, right y in [-32768, 32767], y down */
  int32_t pad_triggers[2]; /* left, right in [0, 255] */

  /* Written by the library. */
  uint64_t now_ns;       /* game time */
  uint64_t wake_at_ns;   /* earliest deadline of a sleeping worker; UINT64_MAX for none */
  uint32_t done;         /* futex: the last grant that has been used up */
  uint32_t tick;         /* futex: changes when time reaches `wake_at_ns` */
  int32_t driver_pid;    /* process whose thread owns time; 0 before the first present */
  int32_t driver_tid;    /* the thread that presents; 0 before the first present: then main threads own time */
  uint32_t num_processes; /* processes that mapped the page so far; 0 means that the library was not loaded */
  uint32_t pad_opens;     /* times the pad was opened */
  uint64_t queries;       /* clock readings */
  uint64_t sleeps;        /* sleeps and timed waits of the driver */
  uint64_t worker_waits;  /* sleeps and timed waits of other threads */
  uint64_t presents;      /* frames handed to the display by the driver */
  uint64_t other_presents; /* frames handed over by other threads or processes */
  uint64_t stalls;        /* times the stall rule moved time because everybody waited for a sleeping worker */
  uint64_t busy_waits;    /* times a driver that only read clocks was given 10 us */
  uint64_t pad_events;    /* input events written to the game */
  uint64_t server_wake_ns; /* wineserver: deadline of its sleep, UINT64_MAX without one, 0 while it works */
  int32_t server_pid;      /* wineserver; 0 without one */
  uint32_t num_pids;       /* entries of `pids` in use */
  int32_t pids[OVERPLAY_MAX_PROCESSES]; /* processes that mapped the page, ended ones too, and whom the controller adds */
  uint64_t deadlines[OVERPLAY_MAX_PROCESSES]; /* of each, the earliest of its threads that sleep; 0 for none */

  char pad_path[512]; /* file that stands for the pad, NUL-terminated; written by the controller; "" for no pad */
};

#endif
