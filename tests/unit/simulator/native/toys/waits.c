/* Every kind of timed wait, once running out of time and once fulfilled by a thread that works for real time. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t semaphore;
static int ready, ends[2];

static struct timespec after(clockid_t id, long ms) {
  struct timespec t;
  clock_gettime(id, &t);
  t.tv_nsec += ms * 1000000;
  t.tv_sec += t.tv_nsec / 1000000000;
  t.tv_nsec %= 1000000000;
  return t;
}

static void *work(void *kind) {
  volatile long sum = 0;
  for (long i = 0; i < 30000000; i++) sum += i;
  switch (*(char *)kind) {
    case 'c':
      pthread_mutex_lock(&mutex);
      ready = 1;
      pthread_cond_signal(&cond);
      pthread_mutex_unlock(&mutex);
      break;
    case 's': sem_post(&semaphore); break;
    default: (void)!write(ends[1], "x", 1);
  }
  return NULL;
}

static int wait_for(char kind) {
  struct timespec until = after(CLOCK_REALTIME, 25);
  int result = 0;
  char byte;
  struct pollfd fd = {.fd = ends[0], .events = POLLIN};
  switch (kind) {
    case 'c':
      pthread_mutex_lock(&mutex);
      while (!ready && result == 0) result = pthread_cond_timedwait(&cond, &mutex, &until);
      ready = 0;
      pthread_mutex_unlock(&mutex);
      return result == 0;
    case 's': return sem_timedwait(&semaphore, &until) == 0;
    case 'p': result = poll(&fd, 1, 25); break;
    case 'e': {
      struct epoll_event event = {.events = EPOLLIN}, got;
      int set = epoll_create1(0);
      epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event);
      result = epoll_wait(set, &got, 1, 25);
      close(set);
      break;
    }
    default: {
      fd_set set;
      FD_ZERO(&set);
      FD_SET(ends[0], &set);
      struct timeval timeout = {.tv_usec = 25000};
      result = select(ends[0] + 1, &set, NULL, NULL, &timeout);
    }
  }
  if (result > 0) result = (int)read(ends[0], &byte, 1);
  return result > 0;
}

int main(void) {
  char kinds[] = "cspef";
  sem_init(&semaphore, 0, 0);
  if (pipe(ends)) return 1;
  for (char *kind = kinds; *kind; kind++) {
    for (int fulfilled = 0; fulfilled < 2; fulfilled++) {
      struct timespec start = after(CLOCK_MONOTONIC, 0);
      pthread_t thread;
      if (fulfilled) pthread_create(&thread, NULL, work, kind);
      int happened = wait_for(*kind);
      struct timespec now = after(CLOCK_MONOTONIC, 0);
      if (fulfilled) pthread_join(thread, NULL);
      printf("%c %d %ld\n", *kind, happened,
             (now.tv_sec - start.tv_sec) * 1000L + (now.tv_nsec - start.tv_nsec) / 1000000);
    }
  }
  return 0;
}
