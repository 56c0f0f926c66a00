/* Where frames leave the program: GL and SDL. A present that calls another one counts once. */
#include <stddef.h>
#include <string.h>

#include "internal.h"

typedef struct _XDisplay Display;
typedef void (*any_function)(void);

static __thread int depth;
static Display *display;

/* The server has drawn the frame before the step can end. */
static void finish_drawing(Display *of) {
  static int (*sync)(Display *, int);
  if (of == NULL) return;
  if (sync == NULL) sync = (int (*)(Display *, int))op_find("XSync", "libX11.so");
  if (sync != NULL) sync(of, 0);
}

static bool enter(void) { return depth++ == 0; }

static void leave(bool is_outer, bool is_gl, Display *of) {
  if (is_outer && op_controlled()) finish_drawing(of != NULL ? of : display);
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
#define PRESENT_VOID(name, is_gl, of, parameters, arguments) \
  HOOK void name parameters; \
  FOUND(name) \
  HOOK void name parameters { \
    bool outer = enter(); \
    real_##name() arguments; \
    leave(outer, is_gl, of); \
  }
#define PRESENT(result, name, is_gl, of, parameters, arguments) \
  HOOK result name parameters; \
  FOUND(name) \
  HOOK result name parameters { \
    bool outer = enter(); \
    result value = real_##name() arguments; \
    leave(outer, is_gl, of); \
    return value; \
  }

PRESENT_VOID(glXSwapBuffers, true, dpy, (Display * dpy, unsigned long drawable), (dpy, drawable))
PRESENT(unsigned, eglSwapBuffers, true, NULL, (void *dpy, void *surface), (dpy, surface))
PRESENT_VOID(SDL_GL_SwapWindow, true, NULL, (void *window), (window))
PRESENT_VOID(SDL_GL_SwapBuffers, true, NULL, (void), ())
PRESENT_VOID(SDL_RenderPresent, false, NULL, (void *renderer), (renderer))
PRESENT(int, SDL_UpdateWindowSurface, false, NULL, (void *window), (window))
PRESENT(int, SDL_UpdateWindowSurfaceRects, false, NULL, (void *window, const void *rects, int count),
        (window, rects, count))
PRESENT(int, SDL_Flip, false, NULL, (void *surface), (surface))
PRESENT_VOID(SDL_UpdateRect, false, NULL, (void *surface, int x, int y, unsigned width, unsigned height),
             (surface, x, y, width, height))
PRESENT_VOID(SDL_UpdateRects, false, NULL, (void *surface, int count, void *rects), (surface, count, rects))

DECLARE(int, SDL_GL_SetSwapInterval, int interval)
HOOK int SDL_GL_SetSwapInterval(int interval) {
  return op_controlled() ? 0 : real_SDL_GL_SetSwapInterval()(interval); /* the page's vsync holds */
}

DECLARE(Display *, XOpenDisplay, const char *name)
HOOK Display *XOpenDisplay(const char *name) {
  Display *opened = real_XOpenDisplay()(name);
  if (opened != NULL) display = opened;
  return opened;
}

DECLARE(int, XCloseDisplay, Display *of)
HOOK int XCloseDisplay(Display *of) {
  if (of == display) display = NULL;
  return real_XCloseDisplay()(of);
}

DECLARE(any_function, glXGetProcAddress, const unsigned char *name)
HOOK any_function glXGetProcAddress(const unsigned char *name) {
  any_function real = real_glXGetProcAddress()(name);
  any_function hook = real != NULL ? (any_function)op_present_hook((const char *)name, (void *)real) : NULL;
  return hook != NULL ? hook : real;
}

DECLARE(any_function, glXGetProcAddressARB, const unsigned char *name)
HOOK any_function glXGetProcAddressARB(const unsigned char *name) {
  any_function real = real_glXGetProcAddressARB()(name);
  any_function hook = real != NULL ? (any_function)op_present_hook((const char *)name, (void *)real) : NULL;
  return hook != NULL ? hook : real;
}

#define ENTRY(name) {#name, (void *)name, (void **)(void *)&found_##name}

void *op_present_hook(const char *name, void *real) {
  static const struct {
    const char *name;
    void *hook, **found;
  } hooks[] = {
      ENTRY(glXSwapBuffers), ENTRY(eglSwapBuffers), ENTRY(SDL_GL_SwapWindow), ENTRY(SDL_GL_SwapBuffers),
      ENTRY(SDL_RenderPresent), ENTRY(SDL_UpdateWindowSurface), ENTRY(SDL_UpdateWindowSurfaceRects), ENTRY(SDL_Flip),
      ENTRY(SDL_UpdateRect), ENTRY(SDL_UpdateRects), ENTRY(SDL_GL_SetSwapInterval), ENTRY(XOpenDisplay),
      ENTRY(XCloseDisplay), ENTRY(glXGetProcAddress), ENTRY(glXGetProcAddressARB),
  };
  for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++) {
    if (strcmp(name, hooks[i].name) != 0) continue;
    if (real != hooks[i].hook && *hooks[i].found == NULL) *hooks[i].found = real;
    return hooks[i].hook;
  }
  return NULL;
}
