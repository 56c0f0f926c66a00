/* Looks for devices through libudev as SFML does, and reads the pad's joystick interface. */
#include <fcntl.h>
#include <linux/joystick.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void *udev_new(void);
void *udev_enumerate_new(void *udev);
int udev_enumerate_add_match_subsystem(void *of, const char *name);
int udev_enumerate_scan_devices(void *of);
void *udev_enumerate_get_list_entry(void *of);
void *udev_enumerate_unref(void *of);
void *udev_list_entry_get_next(void *of);
const char *udev_list_entry_get_name(void *of);
void *udev_device_new_from_syspath(void *udev, const char *path);
void *udev_device_unref(void *of);
const char *udev_device_get_devnode(void *of);
const char *udev_device_get_property_value(void *of, const char *name);

static char node[512];

static void look(const char *subsystem) {
  void *udev = udev_new(), *all = udev_enumerate_new(udev);
  udev_enumerate_add_match_subsystem(all, subsystem);
  udev_enumerate_scan_devices(all);
  for (void *entry = udev_enumerate_get_list_entry(all); entry != NULL; entry = udev_list_entry_get_next(entry)) {
    void *device = udev_device_new_from_syspath(udev, udev_list_entry_get_name(entry));
    const char *is_pad = udev_device_get_property_value(device, "ID_INPUT_JOYSTICK");
    const char *path = udev_device_get_devnode(device), *end = strrchr(path, '/');
    printf("%s: %s %s\n", subsystem, end, is_pad != NULL ? is_pad : "-");
    if (is_pad != NULL) strncpy(node, path, sizeof node - 1);
    udev_device_unref(device);
  }
  udev_enumerate_unref(all);
}

int main(void) {
  char name[128];
  unsigned char axes = 0, buttons = 0, map[64] = {0};
  look("sound");
  look("input");
  if (node[0] == '\0') return 0;
  int fd = open(node, O_RDONLY | O_NONBLOCK);
  if (ioctl(fd, JSIOCGNAME(sizeof name), name) < 0 || ioctl(fd, JSIOCGAXES, &axes) < 0) return 1;
  if (ioctl(fd, JSIOCGBUTTONS, &buttons) < 0 || ioctl(fd, JSIOCGAXMAP, map) < 0) return 2;
  printf("%s: %d axes, %d buttons, third axis %d, last %d\n", name, axes, buttons, map[2], map[7]);
  for (int step = 0; step < 4; step++) {
    struct js_event event;
    int first = 0;
    while (read(fd, &event, sizeof event) == (ssize_t)sizeof event)
      if (event.type & JS_EVENT_INIT)
        first++;
      else
        printf("step %d: %d %d %d\n", step, event.type, event.number, event.value);
    if (step == 0) printf("told %d at once\n", first);
    usleep(16000);
  }
  return 0;
}
