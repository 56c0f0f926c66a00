/* libudev's view of the fake pad, for libraries that look for pads there alone (SFML).
 *
 * A look for devices of the subsystem `input` finds one, the pad's joystick interface, and none of the machine's own;
 * every other question goes to the real library, if the program has one.
 */
#include <string.h>

#include "internal.h"

enum { MAX_LOOKS = 16 };

static void *looks[MAX_LOOKS]; /* enumerations of `input` */
static char the_device, the_entry;
static const char SYSPATH[] = "/sys/devices/virtual/input/overplay/js0";

static const char *device_node(void) {
  static char path[sizeof op_page_or_null->pad_path + sizeof OVERPLAY_JOYDEV];
  if (path[0] == '\0') strcat(strcpy(path, op_page()->pad_path), OVERPLAY_JOYDEV);
  return path;
}

/* SDL is told of its pad by SDL_JOYSTICK_DEVICE and asks for more than is answered here. */
static bool has_pad(void) { return op_page()->pad_path[0] != '\0' && op_find("SDL_Init", "libSDL") == NULL; }

static void **look(void *of) {
  for (int i = 0; i < MAX_LOOKS; i++)
    if (looks[i] == of) return &looks[i];
  return NULL;
}

#define PASS(result, name, parameters, ours, ...) \
  HOOK result name parameters; \
  HOOK result name parameters { \
    if (ours) return answer_##name(__VA_ARGS__); \
    return REAL(name)(__VA_ARGS__); \
  }

static int answer_udev_enumerate_add_match_subsystem(void *of, const char *subsystem) {
  void **place = look(of) != NULL ? look(of) : look(NULL);
  (void)subsystem;
  if (place != NULL) *place = of;
  return 0;
}
PASS(int, udev_enumerate_add_match_subsystem, (void *of, const char *subsystem),
     subsystem != NULL && strcmp(subsystem, "input") == 0 && has_pad(), of, subsystem)

static void *answer_udev_enumerate_get_list_entry(void *of) {
  (void)of;
  return &the_entry;
}
PASS(void *, udev_enumerate_get_list_entry, (void *of), of != NULL && look(of) != NULL, of)

HOOK void *udev_enumerate_unref(void *of);
HOOK void *udev_enumerate_unref(void *of) {
  void **place = of != NULL ? look(of) : NULL;
  if (place != NULL) *place = NULL;
  return REAL(udev_enumerate_unref)(of);
}

static void *answer_udev_list_entry_get_next(void *entry) { return (void)entry, NULL; }
PASS(void *, udev_list_entry_get_next, (void *entry), entry == &the_entry, entry)

static const char *answer_udev_list_entry_get_name(void *entry) { return (void)entry, SYSPATH; }
PASS(const char *, udev_list_entry_get_name, (void *entry), entry == &the_entry, entry)

static void *answer_udev_device_new_from_syspath(void *udev, const char *path) {
  (void)udev, (void)path;
  return &the_device;
}
PASS(void *, udev_device_new_from_syspath, (void *udev, const char *path), path != NULL && strcmp(path, SYSPATH) == 0,
     udev, path)

static void *answer_udev_device_unref(void *device) { return (void)device, NULL; }
PASS(void *, udev_device_unref, (void *device), device == &the_device, device)

static const char *answer_udev_device_get_devnode(void *device) { return (void)device, device_node(); }
PASS(const char *, udev_device_get_devnode, (void *device), device == &the_device, device)

static const char *answer_udev_device_get_syspath(void *device) { return (void)device, SYSPATH; }
PASS(const char *, udev_device_get_syspath, (void *device), device == &the_device, device)

#define TEXT(name, text) \
  static const char *answer_##name(void *device) { return (void)device, (text); } \
  PASS(const char *, name, (void *device), device == &the_device, device)
TEXT(udev_device_get_subsystem, "input")
TEXT(udev_device_get_sysname, "js0")
TEXT(udev_device_get_devtype, NULL)
TEXT(udev_device_get_action, NULL)
TEXT(udev_device_get_driver, NULL)

static void *answer_udev_device_ref(void *device) { return device; }
PASS(void *, udev_device_ref, (void *device), device == &the_device, device)

static void *answer_udev_device_get_parent(void *device) { return (void)device, NULL; }
PASS(void *, udev_device_get_parent, (void *device), device == &the_device, device)

static const char *answer_udev_device_get_property_value(void *device, const char *name) {
  static const char *const known[][2] = {
      {"ID_INPUT", "1"}, {"ID_INPUT_JOYSTICK", "1"}, {"ID_VENDOR_ID", "045e"}, {"ID_MODEL_ID", "028e"}};
  (void)device;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(name, known[i][0]) == 0) return known[i][1];
  return NULL;
}
PASS(const char *, udev_device_get_property_value, (void *device, const char *name), device == &the_device, device,
     name)

static const char *answer_udev_device_get_sysattr_value(void *device, const char *name) {
  return (void)device, (void)name, NULL;
}
PASS(const char *, udev_device_get_sysattr_value, (void *device, const char *name), device == &the_device, device, name)

static void *answer_udev_device_get_parent_with_subsystem_devtype(void *device, const char *subsystem,
                                                                  const char *type) {
  return (void)device, (void)subsystem, (void)type, NULL;
}
PASS(void *, udev_device_get_parent_with_subsystem_devtype, (void *device, const char *subsystem, const char *type),
     device == &the_device, device, subsystem, type)
