/* The home folder: programs that ask the user database instead of $HOME get the private one too. */
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

static struct passwd *move_home(struct passwd *entry) {
  char *home = getenv("HOME");
  if (entry != NULL && home != NULL && op_page()->magic == OVERPLAY_MAGIC && entry->pw_uid == getuid())
    entry->pw_dir = home;
  return entry;
}

HOOK struct passwd *getpwuid(uid_t user) { return move_home(REAL(getpwuid)(user)); }

HOOK struct passwd *getpwnam(const char *name) { return move_home(REAL(getpwnam)(name)); }

HOOK int getpwuid_r(uid_t user, struct passwd *restrict entry, char *restrict text, size_t size,
                    struct passwd **restrict found) {
  int error = REAL(getpwuid_r)(user, entry, text, size, found);
  move_home(*found);
  return error;
}
