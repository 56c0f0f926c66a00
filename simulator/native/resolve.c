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

void *op_dlsym(void *handle, const char *name) { return real_dlsym()(handle, name); }

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

/* Which library defines functions of a prefix; the first that fits and has the name. */
static const struct {
  const char *prefix, *library;
} homes[] = {
    {"SDL_", "SDL"},         {"glX", "libGL"},       {"egl", "libEGL"}, {"vk", "libvulkan"},
    {"udev_", "libudev.so"}, {"XShm", "libXext.so"}, {"X", "libX11.so"},
};

static bool starts_with(const char *name, const char *prefix) { return strncmp(name, prefix, strlen(prefix)) == 0; }

void *op_next(const char *name) {
  /* The condition variables have an older version of the same name, which dlsym may return first. */
  void *found = starts_with(name, "pthread_cond_") ? dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2") : NULL;
  if (found == NULL) found = real_dlsym()(RTLD_NEXT, name);
  for (size_t i = 0; found == NULL && i < sizeof homes / sizeof *homes; i++)
    if (starts_with(name, homes[i].prefix)) found = op_find(name, homes[i].library);
  if (found == NULL) {
    fprintf(stderr, "overplay: no library of this program defines %s\n", name);
    _exit(127);
  }
  return found;
}
