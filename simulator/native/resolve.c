/* Finding the functions that the hooks stand before, also in libraries that were opened privately. */
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

typedef void *(*dlsym_type)(void *, const char *);

/* Our own dlsym is a hook, so the real one is asked for by version. */
static dlsym_type real_dlsym(void) {
  static dlsym_type found;
  static const char *const versions[] = {"GLIBC_2.34", "GLIBC_2.2.5", "GLIBC_2.17", "GLIBC_2.27"};
  for (size_t i = 0; found == NULL && i < sizeof versions / sizeof *versions; i++)
    found = (dlsym_type)dlvsym(RTLD_NEXT, "dlsym", versions[i]);
  if (found == NULL) {
    fprintf(stderr, "overplay: this C library is not a glibc that the clock library knows (no dlsym)\n");
    _exit(127);
  }
  return found;
}

struct search {
  const char *name, *library;
  void *found;
};

static int search_object(struct dl_phdr_info *info, size_t size, void *data) {
  struct search *search = data;
  (void)size;
  if (info->dlpi_name == NULL || strstr(info->dlpi_name, search->library) == NULL) return 0;
  void *handle = dlopen(info->dlpi_name, RTLD_LAZY | RTLD_NOLOAD);
  if (handle == NULL) return 0;
  search->found = real_dlsym()(handle, search->name);
  dlclose(handle);
  return search->found != NULL;
}

void *op_find(const char *name, const char *library) {
  struct search search = {.name = name, .library = library};
  dl_iterate_phdr(search_object, &search);
  return search.found;
}

void *op_next(const char *name) {
  /* The condition variables have an older version of the same name, which dlsym may return first. */
  void *found = strncmp(name, "pthread_cond_", 13) == 0 ? dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2") : NULL;
  if (found == NULL) found = real_dlsym()(RTLD_NEXT, name);
  if (found == NULL && strncmp(name, "SDL_", 4) == 0) found = op_find(name, "SDL");
  if (found == NULL && strncmp(name, "glX", 3) == 0) found = op_find(name, "libGL");
  if (found == NULL && strncmp(name, "egl", 3) == 0) found = op_find(name, "libEGL");
  if (found == NULL && strncmp(name, "vk", 2) == 0) found = op_find(name, "libvulkan");
  if (found == NULL && strncmp(name, "udev_", 5) == 0) found = op_find(name, "libudev.so");
  if (found == NULL && strncmp(name, "XShm", 4) == 0) found = op_find(name, "libXext.so");
  if (found == NULL && name[0] == 'X') found = op_find(name, "libX11.so");
  if (found == NULL) {
    fprintf(stderr, "overplay: no library of this program defines %s\n", name);
    _exit(127);
  }
  return found;
}

HOOK void *dlsym(void *handle, const char *name) {
  void *real = real_dlsym()(handle, name);
  /* Drivers and layers of Vulkan have functions of the same names, which the loader looks up. */
  if (real != NULL && strncmp(name, "vk", 2) == 0 && real != op_find(name, "libvulkan")) return real;
  void *hook = real != NULL ? op_present_hook(name, real) : NULL;
  return hook != NULL ? hook : real;
}
