/* Every source of randomness, and a child that inherits clock and dice. */
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **arguments) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  (void)!getrandom(&a, sizeof a, 0);
  if (getentropy(&b, sizeof b)) return 1;
  int fd = open("/dev/urandom", O_RDONLY);
  (void)!read(fd, &c, sizeof c);
  close(fd);
  FILE *file = fopen("/dev/urandom", "rb");
  (void)!fread(&d, sizeof d, 1, file);
  fclose(file);
  printf("%s %u %u %u %u %ld %s\n", count > 1 ? "child" : "parent", a, b, c, d, (long)time(NULL),
         getpwuid(getuid())->pw_dir);
  fflush(stdout);
  if (count > 1) return 0;
  usleep(100000);
  pid_t child = fork();
  if (child == 0) execl(arguments[0], arguments[0], "child", NULL);
  waitpid(child, NULL, 0);
  return 0;
}
