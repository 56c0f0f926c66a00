/* Asks the pad who it is as SDL does, then prints the events that each 16 ms bring. */
#include <fcntl.h>
#include <linux/input.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int has(const unsigned char *bits, int bit) { return bits[bit / 8] >> bit % 8 & 1; }

int main(void) {
  int fd = open(getenv("SDL_JOYSTICK_DEVICE"), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  struct input_id id;
  char name[128];
  unsigned char keys[KEY_MAX / 8 + 1] = {0}, axes[ABS_MAX / 8 + 1] = {0}, down[KEY_MAX / 8 + 1] = {0};
  struct input_absinfo stick, hat;
  if (ioctl(fd, EVIOCGID, &id) < 0 || ioctl(fd, EVIOCGNAME(sizeof name), name) < 0) return 1;
  if (ioctl(fd, EVIOCGBIT(EV_KEY, sizeof keys), keys) < 0 || ioctl(fd, EVIOCGBIT(EV_ABS, sizeof axes), axes) < 0) return 2;
  if (ioctl(fd, EVIOCGABS(ABS_X), &stick) < 0 || ioctl(fd, EVIOCGABS(ABS_HAT0Y), &hat) < 0) return 3;
  if (ioctl(fd, EVIOCGKEY(sizeof down), down) < 0 || ioctl(fd, EVIOCGABS(ABS_MISC), &hat) == 0) return 4;
  printf("%04x:%04x %s\n", id.vendor, id.product, name);
  printf("keys %d%d%d axes %d%d%d range %d %d held %d\n", has(keys, BTN_A), has(keys, BTN_MODE), has(keys, BTN_TRIGGER),
         has(axes, ABS_X), has(axes, ABS_RZ), has(axes, ABS_WHEEL), stick.minimum, stick.maximum, has(down, BTN_A));
  for (int step = 0; step < 4; step++) {
    struct input_event event;
    usleep(16000);
    while (read(fd, &event, sizeof event) == (ssize_t)sizeof event)
      printf("step %d: %d %x %d\n", step, event.type, event.code, event.value);
  }
  close(fd);
  printf("reopened %d\n", open(getenv("SDL_JOYSTICK_DEVICE"), O_RDONLY) >= 0);
  return 0;
}
