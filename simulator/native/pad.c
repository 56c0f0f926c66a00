/* A fake gamepad with the identity of an Xbox 360 pad: a pipe that answers evdev's questions, or joydev's. */
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

#include "pad.h"

enum { MAX_READERS = 16 };

/* The driver xpad calls the western button X = BTN_NORTH and the northern one Y = BTN_WEST. */
const uint16_t op_button_codes[NUM_BUTTONS] = {
    [OVERPLAY_SOUTH] = BTN_A,           [OVERPLAY_EAST] = BTN_B,           [OVERPLAY_WEST] = BTN_X,
    [OVERPLAY_NORTH] = BTN_Y,           [OVERPLAY_LEFT_SHOULDER] = BTN_TL, [OVERPLAY_RIGHT_SHOULDER] = BTN_TR,
    [OVERPLAY_BACK] = BTN_SELECT,       [OVERPLAY_START] = BTN_START,      [OVERPLAY_GUIDE] = BTN_MODE,
    [OVERPLAY_LEFT_THUMB] = BTN_THUMBL, [OVERPLAY_RIGHT_THUMB] = BTN_THUMBR,
};
const uint16_t op_axis_codes[NUM_AXES] = {ABS_X, ABS_Y, ABS_RX, ABS_RY, ABS_Z, ABS_RZ, ABS_HAT0X, ABS_HAT0Y};
const char op_pad_name[24] = "Microsoft X-Box 360 pad";

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
  for (int i = 0; i < 4; i++) state.axes[i] = LOAD(page->pad_axes[i]);
  for (int i = 0; i < 2; i++) state.axes[4 + i] = LOAD(page->pad_triggers[i]);
  state.axes[6] = (int)(bits >> OVERPLAY_DPAD_RIGHT & 1) - (int)(bits >> OVERPLAY_DPAD_LEFT & 1);
  state.axes[7] = (int)(bits >> OVERPLAY_DPAD_DOWN & 1) - (int)(bits >> OVERPLAY_DPAD_UP & 1);
  return state;
}

static struct reader *find(int fd) {
  if (!any_reader || fd < 0) return NULL;
  for (int i = 0; i < MAX_READERS; i++)
    if (readers[i].feed > 0 && readers[i].fd == fd) return &readers[i];
  return NULL;
}

static int collect(const struct pad_state *from, const struct pad_state *to, struct input_event *events) {
  struct timespec now = op_timespec(op_add(op_page()->epoch_ns, op_game_ns()));
  int count = 0;
  struct input_event blank = {.input_event_sec = now.tv_sec, .input_event_usec = now.tv_nsec / 1000};
  for (int i = 0; i < NUM_BUTTONS; i++) {
    if (((from->buttons ^ to->buttons) >> i & 1) == 0) continue;
    events[count] = blank;
    events[count].type = EV_KEY;
    events[count].code = op_button_codes[i];
    events[count++].value = (int)(to->buttons >> i & 1);
  }
  for (int i = 0; i < NUM_AXES; i++) {
    if (from->axes[i] == to->axes[i]) continue;
    events[count] = blank;
    events[count].type = EV_ABS;
    events[count].code = op_axis_codes[i];
    events[count++].value = to->axes[i];
  }
  if (count > 0) events[count++] = blank; /* SYN_REPORT */
  return count;
}

/* Below PIPE_BUF a write is whole or refused; a full pipe is tried again at the next step. */
static int send_events(const struct reader *reader, const void *events, int count, size_t size) {
  return count > 0 && write(reader->feed, events, (size_t)count * size) > 0 ? count : 0;
}

static int tell_evdev(const struct reader *reader, const struct pad_state *now) {
  struct input_event events[NUM_BUTTONS + NUM_AXES + 1];
  return send_events(reader, events, collect(&reader->told, now, events), sizeof *events);
}

static int tell_joydev(const struct reader *reader, const struct pad_state *now, bool initial) {
  struct js_event events[MAX_JOYDEV_EVENTS];
  return send_events(reader, events, op_joydev_collect(&reader->told, now, initial, events), sizeof *events);
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

int op_answer(void *out, size_t size, const void *data, size_t length) {
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
    if (state == NULL || (state->buttons >> i & 1)) set_bit(bits, op_button_codes[i]);
  for (int i = 0; i < NUM_AXES && kind == EV_ABS; i++) set_bit(bits, op_axis_codes[i]);
  return op_answer(out, size, bits, sizeof bits);
}

static int answer_axis(unsigned code, void *out, size_t size, const struct pad_state *state) {
  for (int i = 0; i < NUM_AXES; i++) {
    if (op_axis_codes[i] != code) continue;
    struct input_absinfo info = {.value = state->axes[i], .minimum = i < 4 ? -32768 : i < 6 ? 0 : -1,
                                 .maximum = i < 4 ? 32767 : i < 6 ? 255 : 1,
                                 .fuzz = i < 4 ? 16 : 0, .flat = i < 4 ? 128 : 0};
    op_answer(out, size, &info, sizeof info);
    return 0;
  }
  errno = EINVAL;
  return -1;
}

static int ask(struct reader *reader, unsigned long request, void *out) {
  static const struct input_id identity = {.bustype = BUS_USB, .vendor = 0x045e, .product = 0x028e, .version = 0x0114};
  static const char place[] = "overplay/input0";
  unsigned number = _IOC_NR(request);
  size_t size = _IOC_SIZE(request);
  int version = EV_VERSION;
  if (number == _IOC_NR(EVIOCGVERSION)) return op_answer(out, size, &version, sizeof version) * 0;
  if (number == _IOC_NR(EVIOCGID)) return op_answer(out, size, &identity, sizeof identity) * 0;
  if (number == _IOC_NR(EVIOCGNAME(0))) return op_answer(out, size, op_pad_name, sizeof op_pad_name);
  if (number == _IOC_NR(EVIOCGPHYS(0))) return op_answer(out, size, place, sizeof place);
  if (number == _IOC_NR(EVIOCGPROP(0)) || number == _IOC_NR(EVIOCGLED(0)) || number == _IOC_NR(EVIOCGSW(0)))
    return op_answer(out, size, "", 0);
  if (number == _IOC_NR(EVIOCGKEY(0))) return answer_bits(EV_KEY, out, size, &reader->told);
  if (number >= 0x20 && number < 0x40) return answer_bits(number - 0x20, out, size, NULL);
  if (number >= 0x40 && number < 0x80) return answer_axis(number - 0x40, out, size, &reader->told);
  if (number == _IOC_NR(EVIOCGRAB) || number == _IOC_NR(EVIOCSCLOCKID)) return 0;
  errno = EINVAL; /* no force feedback, no serial number */
  return -1;
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
                 : reader->is_joydev ? op_joydev_ask(_IOC_NR(request), argument, _IOC_SIZE(request))
                                     : ask(reader, request, argument);
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
