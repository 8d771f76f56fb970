/*
 * The other side of `npm run bench -- sub`: many event streams and one publisher, in one process with one clock.
 *
 *   subscribers <port> <path> <count>
 *
 * opens that many streams, says {"connected":n}, then takes commands from stdin, one a line, and answers each with a line of JSON:
 *
 *   publish <port> <message>   opens a connection; the message is what publishes one event, with \r and \n written out. Its run of @ is the
 *                              event's data: the marker #<8 digits># and padding.
 *   join <ms>                  publishes an event again and again until one has reached every stream
 *   run <events> <ms>          publishes so many events in one write, waits until every stream has each, and again, for so long
 *
 * A stream must get every number once and in order. What it gets is searched for markers only, so framing between events (chunks, ids,
 * heartbeats) does not matter.
 */
#define _GNU_SOURCE
#include "publisher.h"
#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#define AT_ONCE 256
#define READY_MOST 1024
#define CONNECT_MS 60000
#define PROBE_MS 1500
#define STUCK_MS 30000
#define EVENTS_MOST 10000
#define MS 1000000ull

static int poller;
static struct stream *streams;
static unsigned count, opened, lost, disorder;
/* The events on their way: numbers from `first`, how many streams lack each, and when the last got it. */
static unsigned first = 1, batch;
static unsigned *lacking;
static uint64_t *done_at, pending;

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000 * MS + time.tv_nsec;
}

static double cpu_ms(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

/* `error` is an errno, or 0. */
static void fail(const char *what, int error) {
  printf("{\"error\":\"%s%s%s\"}\n", what, error ? ": " : "", error ? strerror(error) : "");
  exit(1);
}

static void on_event(unsigned number, int expected) {
  if (!expected) disorder++;
  unsigned index = number - first;
  if (index >= batch || lacking[index] == 0) return;
  if (--lacking[index] == 0) done_at[index] = now();
  pending--;
}

/* The publisher is the entry without a stream. */
static void watch(int fd, uint32_t events, struct stream *stream, int operation) {
  struct epoll_event event = {.events = events, .data.ptr = stream};
  if (epoll_ctl(poller, operation, fd, &event) != 0) fail("epoll", errno);
}

/* Handles what is ready, waiting for it until `until` at most. */
static void serve(uint64_t until, int port, const char *path) {
  static struct epoll_event ready[READY_MOST];
  uint64_t time = now();
  int found = epoll_wait(poller, ready, READY_MOST, time < until ? (until - time) / MS + 1 : 0);
  for (int i = 0; i < found; i++) {
    struct stream *stream = ready[i].data.ptr;
    if (stream == NULL) {
      if (!publisher_read()) fail("the publisher's connection was closed", 0);
    } else if (stream->state == CONNECTING) {
      if ((ready[i].events & (EPOLLERR | EPOLLHUP)) || !stream_ask(stream, port, path)) fail("a stream was refused", 0);
      watch(stream->fd, EPOLLIN | EPOLLET, stream, EPOLL_CTL_MOD);
    } else if (stream->state != CLOSED) {
      int was_open = stream->state == OPEN;
      enum state state = stream_read(stream, on_event);
      if (state == OPEN && !was_open) opened++;
      if (state == CLOSED) {
        lost++;
        epoll_ctl(poller, EPOLL_CTL_DEL, stream->fd, NULL);
      }
    }
  }
}

static void open_all(int port, const char *path) {
  uint64_t until = now() + CONNECT_MS * MS;
  unsigned begun = 0;
  while (opened < count) {
    while (begun < count && begun - opened < AT_ONCE) {
      struct stream *stream = &streams[begun++];
      if (stream_connect(stream, port) < 0) fail("no more streams", errno);
      watch(stream->fd, EPOLLOUT, stream, EPOLL_CTL_ADD);
    }
    serve(until, port, path);
    if (lost > 0) fail("a stream ended at once", 0);
    if (now() > until) fail("not all streams opened in time", 0);
  }
  printf("{\"connected\":%u,\"ms\":%.1f}\n", count, (now() + CONNECT_MS * MS - until) / 1e6);
}

/* Publishes `events` at once and waits for the last stream. @returns when they were published; `pending` says what is missing. */
static uint64_t send_batch(unsigned events, uint64_t patience_ms) {
  first += batch;
  batch = events;
  pending = (uint64_t)events * (count - lost);
  for (unsigned i = 0; i < events; i++) lacking[i] = count - lost;
  uint64_t sent_at = now();
  if (!publish(first, events)) fail("publishing", errno);
  while (pending > 0 && lost == 0 && now() < sent_at + patience_ms * MS) serve(sent_at + patience_ms * MS, 0, "");
  return sent_at;
}

static void join(uint64_t ms) {
  uint64_t began = now();
  unsigned probes = 0;
  do {
    send_batch(1, PROBE_MS);
    probes++;
  } while (pending > 0 && lost == 0 && now() < began + ms * MS);
  disorder = 0;
  printf("{\"joined\":%s,\"probes\":%u,\"missing\":%lu,\"lost\":%u,\"replied\":\"%s\"}\n", pending == 0 ? "true" : "false", probes,
         pending, lost, publisher_replied());
}

static int compare(const void *a, const void *b) {
  double one = *(const double *)a, other = *(const double *)b;
  return (one > other) - (one < other);
}

static void run(unsigned events, uint64_t ms) {
  unsigned total = 0, room = 1024;
  double *latencies = malloc(room * sizeof *latencies);
  double busy_ms = 0, cpu_before = cpu_ms();
  uint64_t began = now();
  do {
    uint64_t sent_at = send_batch(events, STUCK_MS);
    if (pending > 0) break;
    uint64_t last = 0;
    for (unsigned i = 0; i < events; i++) {
      if (total == room) latencies = realloc(latencies, (room *= 2) * sizeof *latencies);
      if (latencies == NULL) fail("memory", errno);
      latencies[total++] = (done_at[i] - sent_at) / 1e6;
      if (done_at[i] > last) last = done_at[i];
    }
    busy_ms += (last - sent_at) / 1e6;
  } while (now() < began + ms * MS);
  double wall_ms = (now() - began) / 1e6, used_ms = cpu_ms() - cpu_before;
  qsort(latencies, total, sizeof *latencies, compare);
  double p50 = total ? latencies[total / 2] : 0, p99 = total ? latencies[(size_t)(total * 0.99)] : 0;
  printf("{\"events\":%u,\"deliveries\":%lu,\"busyMs\":%.3f,\"wallMs\":%.3f,\"p50Ms\":%.4f,\"p99Ms\":%.4f,\"cpuMs\":%.1f,", total,
         (uint64_t)total * count, busy_ms, wall_ms, p50, p99, used_ms);
  printf("\"missing\":%lu,\"lost\":%u,\"disorder\":%u,\"replied\":\"%s\"}\n", pending, lost, disorder, publisher_replied());
  free(latencies);
}

/* Takes what comes meanwhile, heartbeats for the most part. @returns NULL at the end of the commands. */
static char *next_command(char *line, int size) {
  struct pollfd sources[] = {{.fd = 0, .events = POLLIN}, {.fd = poller, .events = POLLIN}};
  while (poll(sources, 2, -1) >= 0 && sources[0].revents == 0) serve(0, 0, "");
  return fgets(line, size, stdin);
}

int main(int argc, char **argv) {
  if (argc != 4) return fprintf(stderr, "subscribers <port> <path> <count>\n"), 2;
  int port = atoi(argv[1]);
  count = strtoul(argv[3], NULL, 10);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  poller = epoll_create1(EPOLL_CLOEXEC);
  streams = calloc(count, sizeof *streams);
  lacking = calloc(EVENTS_MOST, sizeof *lacking);
  done_at = calloc(EVENTS_MOST, sizeof *done_at);
  setvbuf(stdout, NULL, _IOLBF, 0);
  setvbuf(stdin, NULL, _IONBF, 0);
  open_all(port, argv[2]);

  char line[4096];
  while (next_command(line, sizeof line) != NULL) {
    unsigned events, ms;
    int at, publisher;
    line[strcspn(line, "\n")] = 0;
    if (sscanf(line, "publish %d %n", &publisher, &at) == 1) {
      int fd = publisher_open(publisher, line + at);
      if (fd < 0) fail("the publisher cannot connect", 0);
      watch(fd, EPOLLIN, NULL, EPOLL_CTL_ADD);
      puts("{}");
    } else if (sscanf(line, "join %u", &ms) == 1) {
      join(ms);
    } else if (sscanf(line, "run %u %u", &events, &ms) == 2 && events > 0 && events <= EVENTS_MOST) {
      run(events, ms);
    } else {
      puts("{\"error\":\"no such command\"}");
    }
  }
  return 0;
}
