/* Presents through Vulkan, found in the way that the first argument names, and prints the time of each frame in us. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef void (*any_function)(void);
typedef any_function (*lookup)(void *, const char *);
typedef int (*present_function)(void *, const void *);
int vkQueuePresentKHR(void *queue, const void *info);
any_function vkGetInstanceProcAddr(void *instance, const char *name);
int num_presents(void);

int main(int count, char **arguments) {
  const char *way = count > 1 ? arguments[1] : "symbol", *name = "vkQueuePresentKHR";
  present_function present = vkQueuePresentKHR;
  lookup by_instance = vkGetInstanceProcAddr;
  if (!strcmp(way, "dlsym")) by_instance = (lookup)dlsym(RTLD_DEFAULT, "vkGetInstanceProcAddr");
  if (strcmp(way, "symbol")) present = (present_function)by_instance(NULL, name);
  if (!strcmp(way, "device")) present = (present_function)((lookup)by_instance(NULL, "vkGetDeviceProcAddr"))(NULL, name);
  for (int frame = 0; frame < 5; frame++) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    printf("%ld %d\n", now.tv_nsec / 1000, num_presents());
    present(NULL, NULL);
  }
  return 0;
}
