/* Waits by reading the clock only, as some frame limiters do. */
#include <stdio.h>
#include <time.h>

int main(void) {
  struct timespec start, now;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (int frame = 1; frame <= 4; frame++) {
    long readings = 0, passed;
    do {
      clock_gettime(CLOCK_MONOTONIC, &now);
      passed = (now.tv_sec - start.tv_sec) * 1000000000L + now.tv_nsec - start.tv_nsec;
      readings++;
    } while (passed < frame * 20000000L);
    printf("%d %ld %ld\n", frame, passed, readings);
  }
  return 0;
}
