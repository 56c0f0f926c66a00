/* WORKER: a second thread ticks every 5 ms while the main thread sleeps. JOIN: the main thread waits for a sleeping one. */
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static long ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

static long start;

static void *tick(void *unused) {
  (void)unused;
  for (int i = 0; i < 8; i++) {
    usleep(5000);
    printf("tick %ld\n", ms() - start);
    fflush(stdout);
  }
  return NULL;
}

int main(void) {
  pthread_t thread;
  start = ms();
  pthread_create(&thread, NULL, tick, NULL);
#ifndef JOIN
  for (int i = 0; i < 6; i++) {
    usleep(10000);
    printf("main %ld\n", ms() - start);
    fflush(stdout);
  }
#endif
  pthread_join(thread, NULL);
  printf("joined %ld\n", ms() - start);
  return 0;
}
