/* Many streams at once. */
#define _GNU_SOURCE
#include "tokens.h"
#include "response.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define READ_BYTES 65536
#define MARKER_MOST 40
#define READY_MOST 1024
#define AT_ONCE 128
#define OPEN_US 60000000ull
#define SECOND_US 1000000ull
/* Delays are counted in steps of 100 µs, the last one being everything above two seconds. */
#define STEP_US 100
#define STEPS 20000

struct stream {
  int fd, asked, opened;
  unsigned next, held;
  char carry[MARKER_MOST];
  struct response response;
};

static int poller;
static struct stream *streams;
static unsigned count, opened, lost;
static uint64_t tokens, disorder, bytes_read, read_at;
static uint32_t delays[STEPS];

static void on_token(struct stream *stream, unsigned number, uint64_t sent_at) {
  if (number != stream->next) disorder++;
  stream->next = number + 1;
  if (!stream->opened) {
    stream->opened = 1;
    opened++;
  }
  tokens++;
  uint64_t step = read_at > sent_at ? (read_at - sent_at) / STEP_US : 0;
  delays[step < STEPS ? step : STEPS - 1]++;
}

/* @returns its length, 0 where it is none, -1 where more is needed. */
static int read_marker(struct stream *stream, const char *at, const char *end) {
  uint64_t figures[2] = {0, 0};
  const char *from = at++;
  for (int i = 0; i < 2; i++) {
    while (at < end && *at >= '0' && *at <= '9') figures[i] = figures[i] * 10 + (*at++ - '0');
    if (at == end) return end - from < MARKER_MOST ? -1 : 0;
    if (*at++ != (i == 0 ? '@' : '#')) return 0;
  }
  on_token(stream, figures[0], figures[1]);
  return at - from;
}

static void scan(struct stream *stream, const char *bytes, const char *end) {
  while (bytes < end && (bytes = memchr(bytes, '#', end - bytes)) != NULL) {
    int length = read_marker(stream, bytes, end);
    if (length < 0) {
      stream->held = end - bytes;
      memcpy(stream->carry, bytes, stream->held);
      return;
    }
    bytes += length > 0 ? length : 1;
  }
}

static void on_piece(void *owner, const char *bytes, size_t length) {
  struct stream *stream = owner;
  if (stream->held > 0) {
    /* What was cut, with enough of what follows to complete it. */
    char joined[2 * MARKER_MOST];
    unsigned held = stream->held, added = length < MARKER_MOST ? length : MARKER_MOST;
    memcpy(joined, stream->carry, held);
    memcpy(joined + held, bytes, added);
    stream->held = 0;
    int used = read_marker(stream, joined, joined + held + added);
    if (used < 0) {
      stream->held = held + added;
      memcpy(stream->carry, joined, stream->held);
      return;
    }
    if (used > (int)held) {
      bytes += used - held;
      length -= used - held;
    }
  }
  scan(stream, bytes, bytes + length);
}

static void close_stream(struct stream *stream) {
  lost++;
  if (lost == 1) fprintf(stderr, "a stream ended: status %d, phase %d\n", stream->response.status, stream->response.phase);
  epoll_ctl(poller, EPOLL_CTL_DEL, stream->fd, NULL);
}

static void read_stream(struct stream *stream) {
  static char buffer[READ_BYTES];
  ssize_t got = read(stream->fd, buffer, READ_BYTES);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  read_at = now_us();
  if (got <= 0) {
    close_stream(stream);
    return;
  }
  bytes_read += got;
  enum phase phase = response_take(&stream->response, buffer, got, on_piece, stream);
  if (phase == BROKEN || phase == COMPLETE || (phase != HEAD && stream->response.status != 200)) close_stream(stream);
}

static void watch(struct stream *stream, uint32_t events, int operation) {
  struct epoll_event event = {.events = events, .data.ptr = stream};
  if (epoll_ctl(poller, operation, stream->fd, &event) != 0) fail("epoll", errno);
}

/* Handles what is ready. @param slowly it is asked for and not read */
static void serve(int wait_ms, int port, const char *path, int slowly) {
  static struct epoll_event ready[READY_MOST];
  int found = epoll_wait(poller, ready, READY_MOST, wait_ms);
  for (int i = 0; i < found; i++) {
    struct stream *stream = ready[i].data.ptr;
    if (stream->asked) {
      read_stream(stream);
      continue;
    }
    if ((ready[i].events & (EPOLLERR | EPOLLHUP)) || !ask(stream->fd, port, path)) fail("a stream was refused", 0);
    stream->asked = 1;
    if (!slowly) watch(stream, EPOLLIN, EPOLL_CTL_MOD);
    else epoll_ctl(poller, EPOLL_CTL_DEL, stream->fd, NULL);
    if (slowly) opened++;
  }
}

static void open_all(int port, const char *path, unsigned number, int slowly) {
  uint64_t began = now_us();
  unsigned begun = 0;
  count = number;
  poller = epoll_create1(EPOLL_CLOEXEC);
  streams = calloc(count, sizeof *streams);
  while (opened < count) {
    while (begun < count && begun - opened < AT_ONCE) {
      struct stream *stream = &streams[begun++];
      response_begin(&stream->response);
      stream->fd = connect_to(port);
      if (stream->fd < 0) fail("no more streams", errno);
      watch(stream, EPOLLOUT, EPOLL_CTL_ADD);
    }
    serve(100, port, path, slowly);
    if (lost > 0) fail("a stream ended at once", 0);
    if (now_us() - began > OPEN_US) fail("not all streams opened in time", 0);
  }
  printf("{\"connected\":%u,\"ms\":%.1f}\n", count, (now_us() - began) / 1e3);
}

static double delay_at(double part) {
  uint64_t sum = 0;
  for (unsigned i = 0; i < STEPS; i++) {
    sum += delays[i];
    if (sum > 0 && sum >= part * tokens) return i * STEP_US / 1e3;
  }
  return 0;
}

static uint64_t count_chunks(void) {
  uint64_t chunks = 0;
  for (unsigned i = 0; i < count; i++) chunks += streams[i].response.chunks;
  return chunks;
}

static void run(uint64_t ms) {
  uint64_t chunks = count_chunks(), began = now_us();
  double cpu = cpu_ms();
  unsigned *before = malloc(count * sizeof *before), still = 0, least = ~0u;
  for (unsigned i = 0; i < count; i++) before[i] = streams[i].next;
  memset(delays, 0, sizeof delays);
  tokens = disorder = bytes_read = 0;
  while (now_us() - began < ms * 1000) serve(10, 0, "", 0);
  double wall_ms = (now_us() - began) / 1e3;
  for (unsigned i = 0; i < count; i++) {
    unsigned got = streams[i].next - before[i];
    if (got < least) least = got;
    still += got == 0;
  }
  free(before);
  printf("{\"tokens\":%lu,\"chunks\":%lu,\"bytes\":%lu,\"wallMs\":%.3f,\"cpuMs\":%.1f,\"p50Ms\":%.1f,\"p99Ms\":%.1f,"
         "\"least\":%u,\"still\":%u,\"lost\":%u,\"disorder\":%lu}\n",
         tokens, count_chunks() - chunks, bytes_read, wall_ms, cpu_ms() - cpu, delay_at(0.5), delay_at(0.99), least, still, lost, disorder);
}

void read_tokens(int port, const char *path, unsigned number) {
  char line[128];
  open_all(port, path, number, 0);
  struct pollfd sources[] = {{.fd = 0, .events = POLLIN}, {.fd = poller, .events = POLLIN}};
  for (;;) {
    while (poll(sources, 2, -1) >= 0 && sources[0].revents == 0) serve(0, 0, "", 0);
    unsigned long ms;
    if (fgets(line, sizeof line, stdin) == NULL) return;
    if (sscanf(line, "run %lu", &ms) == 1) run(ms);
    else puts("{\"error\":\"no such command\"}");
  }
}

void read_slowly(int port, const char *path, unsigned number) {
  open_all(port, path, number, 1);
  struct pollfd commands = {.fd = 0, .events = POLLIN};
  while (poll(&commands, 1, 0) == 0) {
    uint64_t until = now_us() + SECOND_US;
    for (unsigned i = 0; i < count; i++) {
      char byte;
      if (read(streams[i].fd, &byte, 1) == 0) lost++;
    }
    uint64_t time = now_us();
    if (time < until && poll(&commands, 1, (until - time) / 1000) != 0) break;
  }
  printf("{\"lost\":%u}\n", lost);
}
