/* Linked statically: a window whose red counts frames, whose green follows the clock, and whose blue counts keys. */
#include <stdlib.h>
#include <time.h>
#include <xcb/xcb.h>

int main(void) {
  xcb_connection_t *x = xcb_connect(NULL, NULL);
  if (xcb_connection_has_error(x)) return 2;
  xcb_screen_t *screen = xcb_setup_roots_iterator(xcb_get_setup(x)).data;
  xcb_window_t window = xcb_generate_id(x);
  uint32_t settings[] = {1, XCB_EVENT_MASK_KEY_PRESS};
  xcb_create_window(x, XCB_COPY_FROM_PARENT, window, screen->root, 0, 0, 160, 120, 0, XCB_WINDOW_CLASS_INPUT_OUTPUT,
                    screen->root_visual, XCB_CW_OVERRIDE_REDIRECT | XCB_CW_EVENT_MASK, settings);
  xcb_map_window(x, window);
  xcb_set_input_focus(x, XCB_INPUT_FOCUS_POINTER_ROOT, window, XCB_CURRENT_TIME);
  xcb_gcontext_t pen = xcb_generate_id(x);
  xcb_create_gc(x, pen, window, 0, NULL);
  struct timespec first, now, nap = {0, 16000000};
  clock_gettime(CLOCK_MONOTONIC, &first);
  for (uint32_t frame = 0, keys = 0;; frame++) {
    for (xcb_generic_event_t *event; (event = xcb_poll_for_event(x)) != NULL; free(event)) {
      if ((event->response_type & 0x7f) != XCB_KEY_PRESS) continue;
      if (((xcb_key_press_event_t *)event)->detail == 9) return 7; /* Escape */
      keys++;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint32_t ms = (uint32_t)((now.tv_sec - first.tv_sec) * 1000 + (now.tv_nsec - first.tv_nsec) / 1000000);
    uint32_t colour = (frame & 255) << 16 | (ms & 255) << 8 | (keys & 255);
    xcb_change_gc(x, pen, XCB_GC_FOREGROUND, &colour);
    xcb_rectangle_t all = {0, 0, 160, 120};
    xcb_poly_fill_rectangle(x, window, pen, 1, &all);
    xcb_flush(x);
    nanosleep(&nap, NULL);
  }
}
