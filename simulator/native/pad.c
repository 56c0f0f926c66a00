/* A fake gamepad with the identity of an Xbox 360 pad: a pipe that answers evdev's questions, or joydev's.
 *
 * joydev is the kernel's older joystick interface (/dev/input/js0), which SFML reads. There, axes and buttons are
 * numbered by their evdev codes in ascending order, and every axis is scaled to +-JOYDEV_FULL.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <linux/joystick.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

enum {
  MAX_READERS = 16, /* openings at a time; games open a pad once or twice */
  NUM_BUTTONS = 11,
  NUM_AXES = 8,
  /* Places in `pad_state.axes`: left x, left y, right x, right y, left trigger, right trigger, dpad x, dpad y. */
  FIRST_TRIGGER = 4,
  FIRST_HAT = 6,
  MAX_EVDEV_EVENTS = NUM_BUTTONS + NUM_AXES + 1, /* one for each control, and the report's end */
  MAX_JOYDEV_EVENTS = NUM_BUTTONS + NUM_AXES,
  /* Ranges and noise, as the kernel's driver xpad tells them. */
  STICK_LEAST = -32768,
  STICK_MOST = 32767,
  STICK_FUZZ = 16,
  STICK_FLAT = 128,
  TRIGGER_MOST = 255,
  JOYDEV_FULL = 32767,
  /* Numbers of evdev's questions: EVIOCGBIT(kind) and EVIOCGABS(axis) are a base and what is asked for. */
  ASK_BITS = 0x20,
  ASK_AXIS = 0x40,
  ASK_END = 0x80,
};

struct pad_state {
  uint32_t buttons;
  int32_t axes[NUM_AXES];
};

/* The driver xpad calls the western button X = BTN_NORTH and the northern one Y = BTN_WEST. */
static const uint16_t button_codes[NUM_BUTTONS] = {
    [OVERPLAY_SOUTH] = BTN_A,           [OVERPLAY_EAST] = BTN_B,           [OVERPLAY_WEST] = BTN_X,
    [OVERPLAY_NORTH] = BTN_Y,           [OVERPLAY_LEFT_SHOULDER] = BTN_TL, [OVERPLAY_RIGHT_SHOULDER] = BTN_TR,
    [OVERPLAY_BACK] = BTN_SELECT,       [OVERPLAY_START] = BTN_START,      [OVERPLAY_GUIDE] = BTN_MODE,
    [OVERPLAY_LEFT_THUMB] = BTN_THUMBL, [OVERPLAY_RIGHT_THUMB] = BTN_THUMBR,
};
static const uint16_t axis_codes[NUM_AXES] = {ABS_X, ABS_Y, ABS_RX, ABS_RY, ABS_Z, ABS_RZ, ABS_HAT0X, ABS_HAT0Y};
/* Number of the interface -> place in `pad_state.axes`. Buttons have the same order in both. */
static const uint8_t axis_places[NUM_AXES] = {0, 1, 4, 2, 3, 5, 6, 7};
static const char pad_name[24] = "Microsoft X-Box 360 pad";

struct reader {
  int fd, feed; /* what the game reads, and what we write to; fd -1: free */
  bool is_joydev;
  struct pad_state told;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct reader readers[MAX_READERS];
static bool any_reader;

static struct pad_state wanted(void) {
  struct overplay_page *page = op_page();
  struct pad_state state = {.buttons = LOAD(page->pad_buttons) & ((1u << NUM_BUTTONS) - 1)};
  uint32_t bits = LOAD(page->pad_buttons);
  for (int i = 0; i < FIRST_TRIGGER; i++) state.axes[i] = LOAD(page->pad_axes[i]);
  for (int i = 0; i < FIRST_HAT - FIRST_TRIGGER; i++) state.axes[FIRST_TRIGGER + i] = LOAD(page->pad_triggers[i]);
  state.axes[FIRST_HAT] = (int)(bits >> OVERPLAY_DPAD_RIGHT & 1) - (int)(bits >> OVERPLAY_DPAD_LEFT & 1);
  state.axes[FIRST_HAT + 1] = (int)(bits >> OVERPLAY_DPAD_DOWN & 1) - (int)(bits >> OVERPLAY_DPAD_UP & 1);
  return state;
}

static struct reader *find(int fd) {
  if (!any_reader || fd < 0) return NULL;
  for (int i = 0; i < MAX_READERS; i++)
    if (readers[i].feed > 0 && readers[i].fd == fd) return &readers[i];
  return NULL;
}

static int collect_evdev(const struct pad_state *from, const struct pad_state *to, struct input_event *events) {
  struct timespec now = op_timespec(op_add(op_page()->epoch_ns, op_game_ns()));
  int count = 0;
  struct input_event blank = {.input_event_sec = now.tv_sec, .input_event_usec = now.tv_nsec / 1000};
  for (int i = 0; i < NUM_BUTTONS; i++) {
    if (((from->buttons ^ to->buttons) >> i & 1) == 0) continue;
    events[count] = blank;
    events[count].type = EV_KEY;
    events[count].code = button_codes[i];
    events[count++].value = (int)(to->buttons >> i & 1);
  }
  for (int i = 0; i < NUM_AXES; i++) {
    if (from->axes[i] == to->axes[i]) continue;
    events[count] = blank;
    events[count].type = EV_ABS;
    events[count].code = axis_codes[i];
    events[count++].value = to->axes[i];
  }
  if (count > 0) events[count++] = blank; /* SYN_REPORT */
  return count;
}

static bool is_stick(int place) { return place < FIRST_TRIGGER; }
static bool is_trigger(int place) { return place >= FIRST_TRIGGER && place < FIRST_HAT; }

static int16_t scaled(int place, int32_t value) {
  int32_t full = is_stick(place)     ? value
                 : is_trigger(place) ? value * 2 * JOYDEV_FULL / TRIGGER_MOST - JOYDEV_FULL
                                     : value * JOYDEV_FULL;
  return (int16_t)(full < -JOYDEV_FULL ? -JOYDEV_FULL : full > JOYDEV_FULL ? JOYDEV_FULL : full);
}

/* The changes, or the whole state as after opening (`initial`). */
static int collect_joydev(const struct pad_state *from, const struct pad_state *to, bool initial,
                          struct js_event *out) {
  int count = 0;
  uint8_t flag = initial ? JS_EVENT_INIT : 0;
  uint32_t now_ms = (uint32_t)(op_game_ns() / NS_PER_MS);
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

/* Below PIPE_BUF a write is whole or refused; a full pipe is tried again at the next step. */
static int send_events(const struct reader *reader, const void *events, int count, size_t size) {
  return count > 0 && write(reader->feed, events, (size_t)count * size) > 0 ? count : 0;
}

static int tell_evdev(const struct reader *reader, const struct pad_state *now) {
  struct input_event events[MAX_EVDEV_EVENTS];
  return send_events(reader, events, collect_evdev(&reader->told, now, events), sizeof *events);
}

static int tell_joydev(const struct reader *reader, const struct pad_state *now, bool initial) {
  struct js_event events[MAX_JOYDEV_EVENTS];
  return send_events(reader, events, collect_joydev(&reader->told, now, initial, events), sizeof *events);
}

/* The pad's path is evdev's, and one below it the joystick interface's. */
static bool is_ours(const char *path, bool *is_joydev) {
  const char *pad = op_page()->pad_path;
  size_t length = strlen(pad);
  if (path == NULL || length == 0 || strncmp(path, pad, length) != 0) return false;
  *is_joydev = strcmp(path + length, OVERPLAY_JOYDEV) == 0;
  return *is_joydev || path[length] == '\0';
}

int op_pad_open(const char *path, int flags) {
  struct overplay_page *page = op_page();
  bool is_joydev;
  if (!is_ours(path, &is_joydev)) return -1;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  syscall(SYS_fcntl, ends[1], F_SETFL, O_NONBLOCK);
  if (flags & O_NONBLOCK) syscall(SYS_fcntl, ends[0], F_SETFL, O_NONBLOCK);
  pthread_mutex_lock(&lock);
  int fd = -1;
  for (int i = 0; fd < 0 && i < MAX_READERS; i++) {
    if (readers[i].feed > 0) continue;
    readers[i] = (struct reader){.fd = ends[0], .feed = ends[1], .is_joydev = is_joydev, .told = wanted()};
    if (is_joydev) tell_joydev(&readers[i], &readers[i].told, true);
    any_reader = true;
    fd = ends[0];
  }
  pthread_mutex_unlock(&lock);
  if (fd < 0) {
    syscall(SYS_close, ends[0]);
    syscall(SYS_close, ends[1]);
    return -1;
  }
  COUNT(page->pad_opens);
  return fd;
}

void op_pad_flush(void) {
  if (!any_reader) return;
  struct pad_state now = wanted();
  pthread_mutex_lock(&lock);
  for (int i = 0; i < MAX_READERS; i++) {
    struct reader *reader = &readers[i];
    if (reader->feed <= 0) continue;
    int count = reader->is_joydev ? tell_joydev(reader, &now, false) : tell_evdev(reader, &now);
    if (count == 0) continue;
    reader->told = now;
    __atomic_fetch_add(&op_page()->pad_events, (uint64_t)count, __ATOMIC_RELAXED);
  }
  pthread_mutex_unlock(&lock);
}

static void set_bit(uint8_t *bits, unsigned bit) { bits[bit / 8] = (uint8_t)(bits[bit / 8] | 1u << bit % 8); }

/* `data` cut to `size` bytes, the rest zero; the number of bytes copied. */
static int answer(void *out, size_t size, const void *data, size_t length) {
  size_t copied = length < size ? length : size;
  memset(out, 0, size);
  memcpy(out, data, copied);
  return (int)copied;
}

static int answer_bits(unsigned kind, void *out, size_t size, const struct pad_state *state) {
  uint8_t bits[KEY_MAX / 8 + 1] = {0};
  if (kind == 0) {
    set_bit(bits, EV_SYN);
    set_bit(bits, EV_KEY);
    set_bit(bits, EV_ABS);
  }
  for (int i = 0; i < NUM_BUTTONS && kind == EV_KEY; i++)
    if (state == NULL || (state->buttons >> i & 1)) set_bit(bits, button_codes[i]);
  for (int i = 0; i < NUM_AXES && kind == EV_ABS; i++) set_bit(bits, axis_codes[i]);
  return answer(out, size, bits, sizeof bits);
}

static int answer_axis(unsigned code, void *out, size_t size, const struct pad_state *state) {
  for (int i = 0; i < NUM_AXES; i++) {
    if (axis_codes[i] != code) continue;
    struct input_absinfo info = {.value = state->axes[i],
                                 .minimum = is_stick(i) ? STICK_LEAST : is_trigger(i) ? 0 : -1,
                                 .maximum = is_stick(i) ? STICK_MOST : is_trigger(i) ? TRIGGER_MOST : 1,
                                 .fuzz = is_stick(i) ? STICK_FUZZ : 0,
                                 .flat = is_stick(i) ? STICK_FLAT : 0};
    answer(out, size, &info, sizeof info);
    return 0;
  }
  errno = EINVAL;
  return -1;
}

static int ask_evdev(struct reader *reader, unsigned long request, void *out) {
  static const struct input_id identity = {.bustype = BUS_USB, .vendor = 0x045e, .product = 0x028e, .version = 0x0114};
  static const char place[] = "overplay/input0";
  unsigned number = _IOC_NR(request);
  size_t size = _IOC_SIZE(request);
  int version = EV_VERSION;
  if (number == _IOC_NR(EVIOCGVERSION)) return answer(out, size, &version, sizeof version) * 0;
  if (number == _IOC_NR(EVIOCGID)) return answer(out, size, &identity, sizeof identity) * 0;
  if (number == _IOC_NR(EVIOCGNAME(0))) return answer(out, size, pad_name, sizeof pad_name);
  if (number == _IOC_NR(EVIOCGPHYS(0))) return answer(out, size, place, sizeof place);
  if (number == _IOC_NR(EVIOCGPROP(0)) || number == _IOC_NR(EVIOCGLED(0)) || number == _IOC_NR(EVIOCGSW(0)))
    return answer(out, size, "", 0);
  if (number == _IOC_NR(EVIOCGKEY(0))) return answer_bits(EV_KEY, out, size, &reader->told);
  if (number >= ASK_BITS && number < ASK_AXIS) return answer_bits(number - ASK_BITS, out, size, NULL);
  if (number >= ASK_AXIS && number < ASK_END) return answer_axis(number - ASK_AXIS, out, size, &reader->told);
  if (number == _IOC_NR(EVIOCGRAB) || number == _IOC_NR(EVIOCSCLOCKID)) return 0;
  errno = EINVAL; /* no force feedback, no serial number */
  return -1;
}

static int ask_joydev(unsigned number, void *out, size_t size) {
  uint8_t axes[NUM_AXES], count;
  uint32_t version = JS_VERSION;
  switch (number) {
    case _IOC_NR(JSIOCGVERSION): return answer(out, size, &version, sizeof version) * 0;
    case _IOC_NR(JSIOCGAXES): count = NUM_AXES; return answer(out, size, &count, 1) * 0;
    case _IOC_NR(JSIOCGBUTTONS): count = NUM_BUTTONS; return answer(out, size, &count, 1) * 0;
    case _IOC_NR(JSIOCGNAME(0)): return answer(out, size, pad_name, sizeof pad_name);
    case _IOC_NR(JSIOCGAXMAP):
      for (int i = 0; i < NUM_AXES; i++) axes[i] = (uint8_t)axis_codes[axis_places[i]];
      return answer(out, size, axes, sizeof axes);
    case _IOC_NR(JSIOCGBTNMAP): return answer(out, size, button_codes, sizeof button_codes);
    default: errno = EINVAL; return -1;
  }
}

HOOK int ioctl(int fd, unsigned long request, ...) {
  va_list list;
  va_start(list, request);
  void *argument = va_arg(list, void *);
  va_end(list);
  if ((_IOC_TYPE(request) == 'E' || _IOC_TYPE(request) == 'j') && any_reader) {
    pthread_mutex_lock(&lock);
    struct reader *reader = find(fd);
    int result = reader == NULL ? 0
                 : reader->is_joydev ? ask_joydev(_IOC_NR(request), argument, _IOC_SIZE(request))
                                     : ask_evdev(reader, request, argument);
    pthread_mutex_unlock(&lock);
    if (reader != NULL) return result;
  }
  return (int)syscall(SYS_ioctl, fd, request, argument);
}

HOOK int close(int fd) {
  if (any_reader) {
    pthread_mutex_lock(&lock);
    struct reader *reader = find(fd);
    if (reader != NULL) {
      syscall(SYS_close, reader->feed);
      *reader = (struct reader){.fd = -1};
    }
    pthread_mutex_unlock(&lock);
  }
  return REAL(close)(fd);
}
