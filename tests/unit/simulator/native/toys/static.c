/* Linked statically: prints the time of each of its frames in us and what a second thread counted, paced by sleeps. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int ticks;

static void *count_ticks(void *unused) {
  for (;; ticks++) usleep(50000);
  return unused;
}

int main(int count, char **arguments) {
  pthread_t other;
  unsigned dice;
  struct timeval wall;
  pthread_create(&other, NULL, count_ticks, NULL);
  if (getrandom(&dice, sizeof dice, 0) != sizeof dice) return 2;
  gettimeofday(&wall, NULL);
  printf("%u %ld %ld\n", dice, (long)wall.tv_sec, (long)(time(NULL) - wall.tv_sec));
  if (count > 1 && strcmp(arguments[1], "busy") == 0)
    for (struct timespec now = {0}; now.tv_sec < 1001;) clock_gettime(CLOCK_MONOTONIC, &now);
  for (int frame = 0; frame < 12; frame++) {
    struct timespec now, nap = {0, 16000000};
    clock_gettime(CLOCK_MONOTONIC, &now);
    printf("%ld %d\n", (now.tv_sec - 1000) * 1000000 + now.tv_nsec / 1000, ticks);
    fflush(stdout);
    nanosleep(&nap, NULL);
  }
  return 5;
}
