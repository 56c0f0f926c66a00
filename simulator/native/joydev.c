/* The fake pad as the kernel's older joystick interface (/dev/input/js0), which SFML reads.
 *
 * Axes and buttons are numbered by their evdev codes in ascending order, and every axis is scaled to +-32767.
 */
#include <errno.h>
#include <linux/joystick.h>
#include <string.h>

#include "pad.h"

/* Number of the interface -> place in `pad_state.axes`. Buttons have the same order in both. */
static const uint8_t axis_places[NUM_AXES] = {0, 1, 4, 2, 3, 5, 6, 7};

static int16_t scaled(int place, int32_t value) {
  int32_t full = place < 4 ? value : place < 6 ? value * 2 * 32767 / 255 - 32767 : value * 32767;
  return (int16_t)(full < -32767 ? -32767 : full > 32767 ? 32767 : full);
}

int op_joydev_collect(const struct pad_state *from, const struct pad_state *to, bool initial, struct js_event *out) {
  int count = 0;
  uint8_t flag = initial ? JS_EVENT_INIT : 0;
  uint32_t now_ms = (uint32_t)(op_game_ns() / 1000000);
  for (int i = 0; i < NUM_BUTTONS; i++) {
    if (!initial && ((from->buttons ^ to->buttons) >> i & 1) == 0) continue;
    out[count++] = (struct js_event){now_ms, (int16_t)(to->buttons >> i & 1), JS_EVENT_BUTTON | flag, (uint8_t)i};
  }
  for (int i = 0; i < NUM_AXES; i++) {
    int place = axis_places[i];
    if (!initial && from->axes[place] == to->axes[place]) continue;
    out[count++] = (struct js_event){now_ms, scaled(place, to->axes[place]), JS_EVENT_AXIS | flag, (uint8_t)i};
  }
  return count;
}

int op_joydev_ask(unsigned number, void *out, size_t size) {
  uint8_t axes[NUM_AXES], count;
  uint32_t version = JS_VERSION;
  switch (number) {
    case _IOC_NR(JSIOCGVERSION): return op_answer(out, size, &version, sizeof version) * 0;
    case _IOC_NR(JSIOCGAXES): count = NUM_AXES; return op_answer(out, size, &count, 1) * 0;
    case _IOC_NR(JSIOCGBUTTONS): count = NUM_BUTTONS; return op_answer(out, size, &count, 1) * 0;
    case _IOC_NR(JSIOCGNAME(0)): return op_answer(out, size, op_pad_name, sizeof op_pad_name);
    case _IOC_NR(JSIOCGAXMAP):
      for (int i = 0; i < NUM_AXES; i++) axes[i] = (uint8_t)op_axis_codes[axis_places[i]];
      return op_answer(out, size, axes, sizeof axes);
    case _IOC_NR(JSIOCGBTNMAP): return op_answer(out, size, op_button_codes, sizeof op_button_codes);
    default: errno = EINVAL; return -1;
  }
}
