/* Opens a stream and finds the markers in what comes. */
#define _GNU_SOURCE
#include "stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES 65536

static void scan(struct stream *stream, const char *bytes, size_t length, on_number *got);
static int read_number(const char *marker, unsigned *number);

int connect_to(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS) return fd;
  close(fd);
  return -1;
}

int stream_connect(struct stream *stream, int port) {
  *stream = (struct stream){.state = CONNECTING};
  stream->fd = connect_to(port);
  return stream->fd;
}

int stream_ask(struct stream *stream, int port, const char *path) {
  char request[512];
  int length = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/event-stream\r\n\r\n", path, port);
  stream->state = ASKED;
  return write(stream->fd, request, length) == length;
}

enum state stream_read(struct stream *stream, on_number *got) {
  static const char ok[] = "HTTP/1.1 200";
  static char buffer[MARKER_BYTES + READ_BYTES];
  ssize_t count;
  do {
    size_t held = stream->held;
    memcpy(buffer, stream->carry, held);
    count = read(stream->fd, buffer + held, READ_BYTES);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (count <= 0) return stream->state = CLOSED;
    if (stream->state == ASKED) {
      if (count < (ssize_t)sizeof ok - 1 || memcmp(buffer, ok, sizeof ok - 1) != 0) {
        fprintf(stderr, "instead of a stream: %.*s\n", (int)(count < 200 ? count : 200), buffer);
        return stream->state = CLOSED;
      }
      stream->state = OPEN;
    }
    scan(stream, buffer, held + count, got);
  } while (count == READ_BYTES);
  return stream->state;
}

static void scan(struct stream *stream, const char *bytes, size_t length, on_number *got) {
  const char *end = bytes + length;
  stream->held = 0;
  while ((bytes = memchr(bytes, '#', end - bytes)) != NULL) {
    unsigned number;
    if (end - bytes < MARKER_BYTES) {
      stream->held = end - bytes;
      memcpy(stream->carry, bytes, stream->held);
      return;
    }
    if (!read_number(bytes, &number)) {
      bytes++;
      continue;
    }
    got(number, stream->next == 0 || number == stream->next);
    stream->next = number + 1;
    bytes += MARKER_BYTES;
  }
}

static int read_number(const char *marker, unsigned *number) {
  *number = 0;
  for (int i = 1; i < MARKER_BYTES - 1; i++) {
    if (marker[i] < '0' || marker[i] > '9') return 0;
    *number = *number * 10 + (marker[i] - '0');
  }
  return marker[MARKER_BYTES - 1] == '#';
}
