/* Keeps scores where games keep them for all users, by every way in. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "/var/games/overplay-toy"

int main(void) {
  struct stat about;
  printf("%d", mkdir(FOLDER, 0755));
  FILE *file = fopen(FOLDER "/scores", "w");
  printf(" %d", file != NULL && fputs("1200\n", file) >= 0 && fclose(file) == 0);
  int fd = open(FOLDER "/scores", O_WRONLY | O_APPEND);
  printf(" %d", (int)write(fd, "7\n", 2));
  close(fd);
  printf(" %d", rename(FOLDER "/scores", FOLDER "/best"));
  printf(" %d", access(FOLDER "/scores", F_OK));
  printf(" %d", stat(FOLDER "/best", &about));
  printf(" %d", (int)about.st_size);
  DIR *folder = opendir(FOLDER);
  int count = 0;
  while (folder != NULL && readdir(folder) != NULL) count++;
  printf(" %d\n", count);
  return 0;
}
