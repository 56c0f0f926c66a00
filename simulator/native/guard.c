/* overplay-guard CONTROL_FD FOLDER GRACE_MS PROGRAM [ARGUMENT...]
 *
 * Runs a program and sees to it that nothing of it outlives whoever started the guard. When CONTROL_FD reaches its
 * end (the starter closed it or was killed), or the starter is no longer the parent, or a TERM comes, the program gets
 * TERM, GRACE_MS later everything below it is killed, and FOLDER ("-" for none) is removed. Ends with the program's
 * exit code, or 128 + the signal that ended it. OVERPLAY_PRELOAD becomes the program's LD_PRELOAD; the guard runs
 * without it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* Waiting times are chosen, not measured: what has to end does so within a few looks. */
enum {
  REMOVE_TRIES = 30,
  REMOVE_PAUSE_US = 100000,
  REMOVE_DESCRIPTORS = 16, /* that nftw may hold open */
  MAX_DEPTH = 64,          /* of the process tree */
  KILL_TRIES = 200,
  KILL_PAUSE_US = 5000,
  LOOK_MS = 1000,          /* between two looks at the starter, where nothing tells of its end */
  GRACE_PAUSE_MS = 10,
  SIGNAL_EXIT = 128,       /* shells add this to the number of a signal that ended a program */
};

static pid_t program;
static int program_status = -1;

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where) {
  (void)info, (void)kind, (void)where;
  remove(path);
  return 0;
}

static void remove_folder(const char *folder) {
  if (strcmp(folder, "-") == 0) return;
  for (int tries = 0; tries < REMOVE_TRIES && access(folder, F_OK) == 0; tries++) {
    nftw(folder, remove_one, REMOVE_DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
    if (access(folder, F_OK) == 0) usleep(REMOVE_PAUSE_US); /* somebody of another guard still writes there */
  }
}

static pid_t parent_of(pid_t pid) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  text[length > 0 ? length : 0] = '\0';
  const char *name_end = strrchr(text, ')');
  return name_end != NULL && strlen(name_end) > 4 ? atoi(name_end + 4) : 0;
}

static bool is_below_us(pid_t pid) {
  for (int steps = 0; pid > 1 && steps < MAX_DEPTH; steps++) {
    pid = parent_of(pid);
    if (pid == getpid()) return true;
  }
  return false;
}

static void reap(void) {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
    if (pid == program) program_status = WIFEXITED(status) ? WEXITSTATUS(status) : SIGNAL_EXIT + WTERMSIG(status);
}

/* Orphans become our children (subreaper), so that nobody below is missed. */
static void kill_all(void) {
  for (int tries = 0; tries < KILL_TRIES; tries++) {
    DIR *folder = opendir("/proc");
    bool any = false;
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
      pid_t pid = atoi(entry->d_name);
      if (pid > 1 && is_below_us(pid)) any = kill(pid, SIGKILL) == 0 || any;
    }
    if (folder != NULL) closedir(folder);
    reap();
    if (!any) return;
    usleep(KILL_PAUSE_US);
  }
}

static void run_program(int control, char **arguments) {
  sigset_t none;
  close(control);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  /* Equal addresses in every run: some programs sort or hash by them. Refused in some containers. */
  if (personality(ADDR_NO_RANDOMIZE) == -1) errno = 0;
  const char *preload = getenv("OVERPLAY_PRELOAD");
  if (preload != NULL && *preload != '\0') setenv("LD_PRELOAD", preload, 1);
  unsetenv("OVERPLAY_PRELOAD");
  execvp(arguments[0], arguments);
  fprintf(stderr, "overplay: cannot start %s: %s\n", arguments[0], strerror(errno));
  _exit(127);
}

static bool told_to_stop(int control, int signals, pid_t starter) {
  struct pollfd fds[2] = {{.fd = control, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
  poll(fds, 2, LOOK_MS);
  struct signalfd_siginfo info;
  bool stop = fds[0].revents != 0 || getppid() != starter;
  if (fds[1].revents != 0 && read(signals, &info, sizeof info) == (ssize_t)sizeof info)
    stop = stop || info.ssi_signo != SIGCHLD;
  return stop;
}

static void stop_program(int grace_ms) {
  kill(program, SIGTERM);
  for (int waited = 0; waited < grace_ms && program_status < 0; waited += GRACE_PAUSE_MS) {
    usleep(GRACE_PAUSE_MS * 1000);
    reap();
  }
}

int main(int count, char **arguments) {
  if (count < 5) {
    fprintf(stderr, "usage: %s CONTROL_FD FOLDER GRACE_MS PROGRAM [ARGUMENT...]\n", arguments[0]);
    return 2;
  }
  int control = atoi(arguments[1]), grace_ms = atoi(arguments[3]);
  pid_t starter = getppid();
  sigset_t watched;
  sigemptyset(&watched);
  sigaddset(&watched, SIGCHLD);
  sigaddset(&watched, SIGTERM);
  sigaddset(&watched, SIGINT);
  sigaddset(&watched, SIGHUP);
  sigprocmask(SIG_BLOCK, &watched, NULL);
  int signals = signalfd(-1, &watched, SFD_CLOEXEC);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  program = fork();
  if (program == 0) run_program(control, arguments + 4);
  if (program < 0 || signals < 0) {
    perror("overplay-guard");
    return 127;
  }
  bool stop = false;
  while (!stop && program_status < 0) {
    stop = told_to_stop(control, signals, starter);
    reap();
  }
  if (program_status < 0) stop_program(grace_ms);
  kill_all();
  reap();
  if (stop) remove_folder(arguments[2]);
  return program_status < 0 ? SIGNAL_EXIT + SIGKILL : program_status;
}
