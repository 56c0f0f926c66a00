/* Where frames leave the program: GL, Vulkan, SDL, and the X server itself, however a program looks them up.
 *
 * A present that calls another one counts once.
 */
#include <stddef.h>
#include <string.h>

#include "internal.h"

typedef struct _XDisplay Display;
typedef void (*any_function)(void);

enum { MAX_DISPLAYS = 8 };

static __thread int depth;
static Display *displays[MAX_DISPLAYS]; /* SDL 1.2 has two: one for events, one to draw */

/* The server has drawn the frame before the step can end, and told what it has to tell: what one connection asked for
 * may be an event for another one, so that all are asked twice where there are several. */
static void finish_drawing(void) {
  static int (*sync)(Display *, int);
  if (sync == NULL) sync = (int (*)(Display *, int))op_find("XSync", "libX11.so");
  int count = 0;
  for (int i = 0; i < MAX_DISPLAYS; i++) count += displays[i] != NULL;
  for (int round = 0; round < (count > 1 ? 2 : 1) && sync != NULL; round++)
    for (int i = 0; i < MAX_DISPLAYS; i++)
      if (displays[i] != NULL) sync(displays[i], 0);
}

static void *hook_for(const char *name, void *real); /* our function for a looked-up name, or NULL */

static bool enter(void) { return depth++ == 0; }

static void leave(bool is_outer, bool is_gl) {
  if (is_outer && op_controlled()) finish_drawing();
  if (is_outer) {
    op_claim_driver();
    op_note_present(is_gl);
  }
  depth--;
}

/* Every hook keeps the real function that a look-up gave, or finds it. */
#define FOUND(name) \
  static __typeof__(&name) found_##name; \
  static __typeof__(&name) real_##name(void) { \
    if (found_##name == NULL) found_##name = (__typeof__(&name))op_next(#name); \
    return found_##name; \
  }
#define DECLARE(result, name, ...) \
  HOOK result name(__VA_ARGS__); \
  FOUND(name)
#define PRESENT_VOID(name, is_gl, parameters, arguments) \
  HOOK void name parameters; \
  FOUND(name) \
  HOOK void name parameters { \
    bool outer = enter(); \
    real_##name() arguments; \
    leave(outer, is_gl); \
  }
#define PRESENT(result, name, is_gl, parameters, arguments) \
  HOOK result name parameters; \
  FOUND(name) \
  HOOK result name parameters { \
    bool outer = enter(); \
    result value = real_##name() arguments; \
    leave(outer, is_gl); \
    return value; \
  }

PRESENT_VOID(glXSwapBuffers, true, (Display * dpy, unsigned long drawable), (dpy, drawable))
PRESENT(unsigned, eglSwapBuffers, true, (void *dpy, void *surface), (dpy, surface))
PRESENT(int, vkQueuePresentKHR, true, (void *queue, const void *info), (queue, info))
PRESENT_VOID(SDL_GL_SwapWindow, true, (void *window), (window))
PRESENT_VOID(SDL_GL_SwapBuffers, true, (void), ())
PRESENT_VOID(SDL_RenderPresent, false, (void *renderer), (renderer))
PRESENT(int, SDL_UpdateWindowSurface, false, (void *window), (window))
PRESENT(int, SDL_UpdateWindowSurfaceRects, false, (void *window, const void *rects, int count),
        (window, rects, count))
PRESENT(int, SDL_Flip, false, (void *surface), (surface))
PRESENT_VOID(SDL_UpdateRect, false, (void *surface, int x, int y, unsigned width, unsigned height),
             (surface, x, y, width, height))
PRESENT_VOID(SDL_UpdateRects, false, (void *surface, int count, void *rects), (surface, count, rects))

/* Pictures put to the server count where the page says so. */
#define SURFACE(name, parameters, arguments) \
  HOOK int name parameters; \
  FOUND(name) \
  HOOK int name parameters { \
    bool counts = (op_page()->flags & OVERPLAY_SURFACES) != 0, outer = counts && enter(); \
    int value = real_##name() arguments; \
    if (counts) leave(outer, false); \
    return value; \
  }
SURFACE(XPutImage,
        (Display * dpy, unsigned long to, void *gc, void *image, int sx, int sy, int x, int y, unsigned w, unsigned h),
        (dpy, to, gc, image, sx, sy, x, y, w, h))
SURFACE(XShmPutImage,
        (Display * dpy, unsigned long to, void *gc, void *image, int sx, int sy, int x, int y, unsigned w, unsigned h,
         int tell),
        (dpy, to, gc, image, sx, sy, x, y, w, h, tell))

DECLARE(int, SDL_GL_SetSwapInterval, int interval)
HOOK int SDL_GL_SetSwapInterval(int interval) {
  return op_controlled() ? 0 : real_SDL_GL_SetSwapInterval()(interval); /* the page's vsync holds */
}

DECLARE(Display *, XOpenDisplay, const char *name)
HOOK Display *XOpenDisplay(const char *name) {
  Display *opened = real_XOpenDisplay()(name);
  for (int i = 0; i < MAX_DISPLAYS && opened != NULL; i++) {
    if (displays[i] != NULL) continue;
    displays[i] = opened;
    break;
  }
  return opened;
}

DECLARE(int, XCloseDisplay, Display *of)
HOOK int XCloseDisplay(Display *of) {
  for (int i = 0; i < MAX_DISPLAYS; i++)
    if (displays[i] == of) displays[i] = NULL;
  return real_XCloseDisplay()(of);
}

DECLARE(any_function, glXGetProcAddress, const unsigned char *name)
HOOK any_function glXGetProcAddress(const unsigned char *name) {
  any_function real = real_glXGetProcAddress()(name);
  any_function hook = real != NULL ? (any_function)hook_for((const char *)name, (void *)real) : NULL;
  return hook != NULL ? hook : real;
}

DECLARE(any_function, glXGetProcAddressARB, const unsigned char *name)
HOOK any_function glXGetProcAddressARB(const unsigned char *name) {
  any_function real = real_glXGetProcAddressARB()(name);
  any_function hook = real != NULL ? (any_function)hook_for((const char *)name, (void *)real) : NULL;
  return hook != NULL ? hook : real;
}

/* Vulkan programs look up everything, by instance or by device. */
#define VULKAN_LOOKUP(name) \
  DECLARE(any_function, name, void *of, const char *wanted) \
  HOOK any_function name(void *of, const char *wanted) { \
    any_function real = real_##name()(of, wanted); \
    any_function hook = real != NULL ? (any_function)hook_for(wanted, (void *)real) : NULL; \
    return hook != NULL ? hook : real; \
  }
VULKAN_LOOKUP(vkGetInstanceProcAddr)
VULKAN_LOOKUP(vkGetDeviceProcAddr)

#define ENTRY(name) {#name, (void *)name, (void **)(void *)&found_##name}

static void *hook_for(const char *name, void *real) {
  static const struct {
    const char *name;
    void *hook, **found;
  } hooks[] = {
      ENTRY(glXSwapBuffers), ENTRY(eglSwapBuffers), ENTRY(SDL_GL_SwapWindow), ENTRY(SDL_GL_SwapBuffers),
      ENTRY(SDL_RenderPresent), ENTRY(SDL_UpdateWindowSurface), ENTRY(SDL_UpdateWindowSurfaceRects), ENTRY(SDL_Flip),
      ENTRY(SDL_UpdateRect), ENTRY(SDL_UpdateRects), ENTRY(SDL_GL_SetSwapInterval), ENTRY(XOpenDisplay),
      ENTRY(vkQueuePresentKHR), ENTRY(vkGetInstanceProcAddr), ENTRY(vkGetDeviceProcAddr), ENTRY(XCloseDisplay),
      ENTRY(glXGetProcAddress), ENTRY(glXGetProcAddressARB),
  };
  for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++) {
    if (strcmp(name, hooks[i].name) != 0) continue;
    if (real != hooks[i].hook && *hooks[i].found == NULL) *hooks[i].found = real;
    return hooks[i].hook;
  }
  return NULL;
}

HOOK void *dlsym(void *handle, const char *name) {
  void *real = op_dlsym(handle, name);
  /* Drivers and layers of Vulkan have functions of the same names, which the loader looks up. */
  if (real != NULL && strncmp(name, "vk", 2) == 0 && real != op_find(name, "libvulkan")) return real;
  void *hook = real != NULL ? hook_for(name, real) : NULL;
  return hook != NULL ? hook : real;
}
