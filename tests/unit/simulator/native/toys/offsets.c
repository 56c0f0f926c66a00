/* Prints the offset of every field of the page. */
#include <stddef.h>
#include <stdio.h>

#include "page.h"

#define SHOW(field) printf(#field " %zu\n", offsetof(struct overplay_page, field));

int main(void) {
  SHOW(magic) SHOW(version) SHOW(mode) SHOW(vsync) SHOW(flags) SHOW(reserved) SHOW(seed) SHOW(epoch_ns) SHOW(dt_ns)
  SHOW(speed) SHOW(limit_ns) SHOW(clamp_game_ns) SHOW(clamp_real_ns) SHOW(grant) SHOW(pad_buttons) SHOW(pad_axes)
  SHOW(pad_triggers) SHOW(now_ns) SHOW(wake_at_ns) SHOW(done) SHOW(tick) SHOW(driver_pid) SHOW(driver_tid)
  SHOW(num_processes) SHOW(pad_opens) SHOW(queries) SHOW(sleeps) SHOW(worker_waits) SHOW(presents)
  SHOW(other_presents) SHOW(stalls) SHOW(busy_waits) SHOW(pad_events) SHOW(server_wake_ns)
  SHOW(server_pid) SHOW(num_pids) SHOW(pids) SHOW(deadlines) SHOW(pad_path)
  printf("size %zu\n", sizeof(struct overplay_page));
  return 0;
}
