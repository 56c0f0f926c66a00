/* A stand-in for the Vulkan loader: counts what reaches it. */
#include <stddef.h>
#include <string.h>

typedef void (*any_function)(void);
static int presents;

int vkQueuePresentKHR(void *queue, const void *info);
int vkQueuePresentKHR(void *queue, const void *info) {
  (void)queue, (void)info;
  presents++;
  return 0;
}
int num_presents(void);
int num_presents(void) { return presents; }

any_function vkGetDeviceProcAddr(void *device, const char *name);
any_function vkGetDeviceProcAddr(void *device, const char *name) {
  (void)device;
  return strcmp(name, "vkQueuePresentKHR") ? NULL : (any_function)vkQueuePresentKHR;
}
any_function vkGetInstanceProcAddr(void *instance, const char *name);
any_function vkGetInstanceProcAddr(void *instance, const char *name) {
  return strcmp(name, "vkGetDeviceProcAddr") ? vkGetDeviceProcAddr(instance, name) : (any_function)vkGetDeviceProcAddr;
}
