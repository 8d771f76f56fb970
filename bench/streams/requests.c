/* Requests that are read to their ends. */
#define _GNU_SOURCE
#include "requests.h"
#include "response.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES 262144
#define PATIENCE_MS 30000
/* A block of a large body: its number in 8 bytes, then a pattern (bench/src/streams/block.ts). */
#define BLOCK_BYTES 65536
#define POOL 256

static char buffer[READ_BYTES];

static int open_now(int port) {
  int fd = connect_to(port);
  if (fd < 0) fail("no connection", errno);
  int error = 0;
  socklen_t size = sizeof error;
  poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, PATIENCE_MS);
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) fail("refused", error);
  return fd;
}

static void set_blocking(int fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
  struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

static uint64_t first_at;

static void on_first(void *owner, const char *bytes, size_t length) {
  (void)owner, (void)bytes, (void)length;
  if (first_at == 0) first_at = now_us();
}

static int compare(const void *a, const void *b) {
  double one = *(const double *)a, other = *(const double *)b;
  return (one > other) - (one < other);
}

static void tell(double *times, unsigned n, unsigned failed, const char *more) {
  qsort(times, n, sizeof *times, compare);
  printf("{\"requests\":%u,\"failed\":%u,\"p50Ms\":%.4f,\"p99Ms\":%.4f,\"mostMs\":%.4f,\"cpuMs\":%.1f%s}\n", n, failed, n ? times[n / 2] : 0,
         n ? times[(size_t)(n * 0.99)] : 0, n ? times[n - 1] : 0, cpu_ms(), more);
}

void time_first_bytes(int port, const char *path, unsigned requests, unsigned pause_us) {
  double *times = malloc(requests * sizeof *times);
  static struct response response;
  int fd = open_now(port);
  set_blocking(fd);
  for (unsigned i = 0; i < requests; i++) {
    usleep(pause_us);
    response_begin(&response);
    first_at = 0;
    uint64_t asked = now_us();
    if (!ask(fd, port, path)) fail("no request", errno);
    while (response.phase != COMPLETE) {
      ssize_t got = read(fd, buffer, READ_BYTES);
      if (got <= 0) fail("the response ended early", got < 0 ? errno : 0);
      if (response_take(&response, buffer, got, on_first, NULL) == BROKEN) fail("no response", 0);
    }
    if (response.status != 200 || first_at == 0) fail("not the right response", 0);
    times[i] = (first_at - asked) / 1e3;
  }
  tell(times, requests, 0, "");
}

static unsigned char block[BLOCK_BYTES];
static uint64_t position, wrong;

static void on_large(void *owner, const char *bytes, size_t length) {
  (void)owner;
  while (length > 0) {
    size_t at = position % BLOCK_BYTES, part = BLOCK_BYTES - at < length ? BLOCK_BYTES - at : length;
    uint64_t number = position / BLOCK_BYTES;
    memcpy(block, &number, sizeof number);
    if (memcmp(block + at, bytes, part) != 0) wrong++;
    position += part;
    bytes += part;
    length -= part;
  }
}

void read_large(int port, const char *path, uint64_t bytes) {
  static struct response response;
  for (unsigned i = 0; i < BLOCK_BYTES; i++) block[i] = (i * 7 + (i >> 8)) & 0xff;
  int fd = open_now(port);
  set_blocking(fd);
  response_begin(&response);
  uint64_t began = now_us();
  if (!ask(fd, port, path)) fail("no request", errno);
  while (response.phase != COMPLETE) {
    ssize_t got = read(fd, buffer, READ_BYTES);
    if (got <= 0) break;
    if (response_take(&response, buffer, got, on_large, NULL) == BROKEN) break;
  }
  double ms = (now_us() - began) / 1e3;
  int whole = response.status == 200 && response.phase == COMPLETE && response.body == bytes && wrong == 0;
  printf("{\"whole\":%s,\"status\":%d,\"bytes\":%lu,\"wrong\":%lu,\"chunks\":%lu,\"ms\":%.3f,\"cpuMs\":%.1f}\n", whole ? "true" : "false",
         response.status, response.body, wrong, response.chunks, ms, cpu_ms());
}

struct slot {
  int fd, busy;
  uint64_t due;
  struct response response;
};

static void on_nothing(void *owner, const char *bytes, size_t length) {
  (void)owner, (void)bytes, (void)length;
}

/* @returns whether its response is complete. */
static int read_slot(struct slot *slot) {
  ssize_t got = read(slot->fd, buffer, READ_BYTES);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (got <= 0) fail("a connection was closed", 0);
  enum phase phase = response_take(&slot->response, buffer, got, on_nothing, NULL);
  if (phase == BROKEN) fail("no response", 0);
  return phase == COMPLETE;
}

void request_steadily(int port, const char *path, unsigned per_second, unsigned ms) {
  static struct slot slots[POOL];
  static struct pollfd ready[POOL];
  unsigned total = (uint64_t)per_second * ms / 1000, sent = 0, done = 0, failed = 0, open = 0;
  double *times = malloc(total * sizeof *times);
  uint64_t began = now_us(), step = 1000000 / per_second;
  while (done < total && now_us() - began < (ms + PATIENCE_MS) * 1000ull) {
    uint64_t time = now_us();
    while (sent < total && time >= began + sent * step) {
      unsigned free = 0;
      while (free < open && slots[free].busy) free++;
      if (free == POOL) break; /* It stays due, and its time counts. */
      struct slot *slot = &slots[free];
      if (free == open) {
        ready[open] = (struct pollfd){.fd = slot->fd = open_now(port), .events = POLLIN};
        open++;
      }
      response_begin(&slot->response);
      slot->due = began + sent++ * step;
      slot->busy = 1;
      if (!ask(slot->fd, port, path)) fail("no request", errno);
    }
    uint64_t next = began + sent * step;
    struct timespec pause = {.tv_nsec = sent == total ? 10000000 : next > time ? (next - time) * 1000 : 0};
    ppoll(ready, open, &pause, NULL);
    for (unsigned i = 0; i < open; i++) {
      if (ready[i].revents == 0 || !slots[i].busy || !read_slot(&slots[i])) continue;
      slots[i].busy = 0;
      if (slots[i].response.status != 200) failed++;
      times[done++] = (now_us() - slots[i].due) / 1e3;
    }
  }
  tell(times, done, failed + total - done, "");
}
