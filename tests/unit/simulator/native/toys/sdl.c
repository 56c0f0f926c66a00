/* Opens the stand-in for SDL privately, as Perl and Python do, and presents in the way that the argument names. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **arguments) {
  if (count < 4) return 2;
  void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  void *present = library ? dlsym(library, arguments[2]) : NULL;
  int pause_us = atoi(arguments[3]);
  if (!present) return 3;
  for (int frame = 0; frame < 5; frame++) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    printf("%ld\n", now.tv_nsec / 1000);
    if (!strcmp(arguments[2], "SDL_UpdateRect"))
      ((void (*)(void *, int, int, unsigned, unsigned))present)(NULL, 0, 0, 0, 0);
    else if (!strcmp(arguments[2], "SDL_UpdateRects"))
      ((void (*)(void *, int, void *))present)(NULL, 0, NULL);
    else if (!strcmp(arguments[2], "SDL_UpdateWindowSurfaceRects"))
      ((int (*)(void *, void *, int))present)(NULL, NULL, 0);
    else
      ((void (*)(void *))present)(NULL);
    if (pause_us) usleep((unsigned)pause_us);
  }
  return 0;
}
