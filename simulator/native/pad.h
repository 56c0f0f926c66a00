/* What the two faces of the fake pad share: evdev (pad.c) and the older joystick interface (joydev.c). */
#ifndef OVERPLAY_PAD_H
#define OVERPLAY_PAD_H

#include "internal.h"

enum { NUM_BUTTONS = 11, NUM_AXES = 8 };

/* Axes in the order left x, left y, right x, right y, left trigger, right trigger, dpad x, dpad y. */
struct pad_state {
  uint32_t buttons;
  int32_t axes[NUM_AXES];
};

extern const uint16_t op_button_codes[NUM_BUTTONS];
extern const uint16_t op_axis_codes[NUM_AXES];
extern const char op_pad_name[24];

/* A struct js_event for each change, in `out`; their number. `initial`: all of the state, as after opening. */
enum { MAX_JOYDEV_EVENTS = NUM_BUTTONS + NUM_AXES };
struct js_event;
int op_joydev_collect(const struct pad_state *from, const struct pad_state *to, bool initial, struct js_event *out);
int op_joydev_ask(unsigned number, void *out, size_t size);
/* `data` cut to `size` bytes, the rest zero; the number of bytes copied. */
int op_answer(void *out, size_t size, const void *data, size_t length);

#endif
