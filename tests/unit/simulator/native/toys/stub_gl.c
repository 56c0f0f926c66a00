/* A stand-in for libGL and libX11: counts what reaches it. */
#include <stdio.h>
#include <string.h>

typedef void (*any_function)(void);
static int swaps;

void glXSwapBuffers(void *display, unsigned long drawable);
void glXSwapBuffers(void *display, unsigned long drawable) {
  (void)display, (void)drawable;
  swaps++;
}
unsigned eglSwapBuffers(void *display, void *surface);
unsigned eglSwapBuffers(void *display, void *surface) {
  (void)display, (void)surface;
  swaps++;
  return 1;
}
int XPutImage(void *dpy, unsigned long to, void *gc, void *image, int sx, int sy, int x, int y, unsigned w, unsigned h);
int XPutImage(void *dpy, unsigned long to, void *gc, void *image, int sx, int sy, int x, int y, unsigned w, unsigned h) {
  (void)dpy, (void)to, (void)gc, (void)image, (void)sx, (void)sy, (void)x, (void)y, (void)w, (void)h;
  swaps++;
  return 0;
}
int num_swaps(void);
int num_swaps(void) { return swaps; }

any_function glXGetProcAddress(const unsigned char *name);
any_function glXGetProcAddress(const unsigned char *name) {
  return strcmp((const char *)name, "glXSwapBuffers") ? NULL : (any_function)glXSwapBuffers;
}
any_function glXGetProcAddressARB(const unsigned char *name);
any_function glXGetProcAddressARB(const unsigned char *name) { return glXGetProcAddress(name); }
