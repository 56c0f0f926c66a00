/* A libudev of a machine that has one device of each subsystem asked for, and no pad. */
#include <stddef.h>
#include <string.h>

static char context, device, entry, look;

void *udev_new(void) { return &context; }
void *udev_enumerate_new(void *udev) { return (void)udev, &look; }
int udev_enumerate_add_match_subsystem(void *of, const char *name) { return (void)of, (void)name, 0; }
int udev_enumerate_scan_devices(void *of) { return (void)of, 0; }
void *udev_enumerate_get_list_entry(void *of) { return (void)of, &entry; }
void *udev_enumerate_unref(void *of) { return (void)of, NULL; }
void *udev_list_entry_get_next(void *of) { return (void)of, NULL; }
const char *udev_list_entry_get_name(void *of) { return (void)of, "/sys/real"; }
void *udev_device_new_from_syspath(void *udev, const char *path) { return (void)udev, (void)path, &device; }
void *udev_device_unref(void *of) { return (void)of, NULL; }
const char *udev_device_get_devnode(void *of) { return (void)of, "/dev/real"; }
const char *udev_device_get_syspath(void *of) { return (void)of, "/sys/real"; }
const char *udev_device_get_property_value(void *of, const char *name) { return (void)of, (void)name, NULL; }
const char *udev_device_get_sysattr_value(void *of, const char *name) { return (void)of, (void)name, "real"; }
void *udev_device_get_parent_with_subsystem_devtype(void *of, const char *subsystem, const char *type) {
  return (void)of, (void)subsystem, (void)type, &device;
}
