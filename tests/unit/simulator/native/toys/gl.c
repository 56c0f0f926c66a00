/* Presents through GL, found in the way that the first argument names, or through EGL or the X server, and prints the time of each frame in us. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef void (*any_function)(void);
typedef void (*swap_function)(void *, unsigned long);
void glXSwapBuffers(void *display, unsigned long drawable);
any_function glXGetProcAddress(const unsigned char *name);
any_function glXGetProcAddressARB(const unsigned char *name);
unsigned eglSwapBuffers(void *display, void *surface);
int XPutImage(void *dpy, unsigned long to, void *gc, void *image, int sx, int sy, int x, int y, unsigned w, unsigned h);
int num_swaps(void);

int main(int count, char **arguments) {
  const char *way = count > 1 ? arguments[1] : "symbol";
  const unsigned char *name = (const unsigned char *)"glXSwapBuffers";
  swap_function swap = glXSwapBuffers;
  if (!strcmp(way, "dlsym")) swap = (swap_function)dlsym(RTLD_DEFAULT, "glXSwapBuffers");
  if (!strcmp(way, "proc")) swap = (swap_function)glXGetProcAddress(name);
  if (!strcmp(way, "procarb")) swap = (swap_function)glXGetProcAddressARB(name);
  for (int frame = 0; frame < 5; frame++) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    printf("%ld %d\n", now.tv_nsec / 1000, num_swaps());
    if (!strcmp(way, "egl"))
      eglSwapBuffers(NULL, NULL);
    else if (!strcmp(way, "surface"))
      XPutImage(NULL, 0, NULL, NULL, 0, 0, 0, 0, 1, 1);
    else
      swap(NULL, 0);
  }
  fflush(stdout);
  if (!strcmp(way, "vanish")) _exit(0); /* without a chance to hand time back */
  return 0;
}
