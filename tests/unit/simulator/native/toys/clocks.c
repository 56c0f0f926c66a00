/* Sleeps in every way and prints what every clock says, in microseconds since its first reading. */
#include <stdio.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long us(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return t.tv_sec * 1000000L + t.tv_nsec / 1000;
}

int main(void) {
  long mono = us(CLOCK_MONOTONIC), wall = us(CLOCK_REALTIME), boot = us(CLOCK_BOOTTIME);
  printf("start %ld %ld\n", mono, wall);
  for (int i = 0; i < 5; i++) {
    struct timespec ms = {.tv_nsec = 10000000}, until;
    if (i == 0) usleep(10000);
    if (i == 1) nanosleep(&ms, NULL);
    if (i == 2) clock_nanosleep(CLOCK_MONOTONIC, 0, &ms, NULL);
    if (i == 3) {
      clock_gettime(CLOCK_MONOTONIC, &until);
      until.tv_nsec += 10000000;
      if (until.tv_nsec > 999999999) until.tv_sec++, until.tv_nsec -= 1000000000;
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    }
    if (i == 4) sleep(1);
    struct timeval day;
    gettimeofday(&day, NULL);
    printf("%ld %ld %ld %ld %ld %ld\n", us(CLOCK_MONOTONIC) - mono, us(CLOCK_REALTIME) - wall,
           us(CLOCK_BOOTTIME) - boot, day.tv_sec * 1000000L + day.tv_usec - wall, (long)(time(NULL) - wall / 1000000),
           (long)clock());
  }
  return 0;
}
