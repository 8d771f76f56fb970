/* Connections, requests and the framing of responses. */
#define _GNU_SOURCE
#include "response.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static enum phase read_head(struct response *response);
static size_t take_line(struct response *response, const char *bytes, size_t length, const char *end);

void response_begin(struct response *response) {
  response->phase = HEAD;
  response->status = 0;
  response->held = 0;
  response->left = response->body = response->chunks = 0;
}

enum phase response_take(struct response *r, const char *bytes, size_t length, on_body *body, void *owner) {
  while (length > 0 && r->phase != BROKEN) {
    size_t used;
    switch (r->phase) {
    case HEAD:
      used = take_line(r, bytes, length, "\r\n\r\n");
      if (r->phase == COMPLETE) r->phase = read_head(r);
      break;
    case BODY:
    case DATA:
      used = length < r->left ? length : r->left;
      body(owner, bytes, used);
      r->left -= used;
      r->body += used;
      if (r->left == 0) r->phase = r->phase == BODY ? COMPLETE : DATA_END;
      break;
    case SIZE:
      used = take_line(r, bytes, length, "\r\n");
      if (r->phase != COMPLETE) break;
      r->left = strtoull(r->line, NULL, 16);
      r->phase = r->left > 0 ? DATA : TRAILER;
      r->chunks += r->left > 0;
      r->held = 0;
      break;
    case DATA_END:
      used = take_line(r, bytes, length, "\r\n");
      if (r->phase == COMPLETE) r->phase = SIZE;
      if (r->phase == SIZE) r->held = 0;
      break;
    case TRAILER:
      used = take_line(r, bytes, length, "\r\n");
      break;
    default:
      r->phase = BROKEN;
      used = 0;
    }
    bytes += used;
    length -= used;
  }
  return r->phase;
}

/* Collects up to `end`; the phase is then COMPLETE, and the line is a string. @returns how many bytes it used. */
static size_t take_line(struct response *r, const char *bytes, size_t length, const char *end) {
  size_t size = strlen(end), used = 0;
  while (used < length) {
    if (r->held == HEAD_BYTES - 1) {
      r->phase = BROKEN;
      return used;
    }
    r->line[r->held++] = bytes[used++];
    if (r->held >= size && memcmp(r->line + r->held - size, end, size) == 0) {
      r->line[r->held] = 0;
      r->phase = COMPLETE;
      return used;
    }
  }
  return used;
}

static enum phase read_head(struct response *r) {
  r->held = 0;
  if (sscanf(r->line, "HTTP/1.1 %d", &r->status) != 1) return BROKEN;
  if (strcasestr(r->line, "\r\ntransfer-encoding: chunked\r\n") != NULL) return SIZE;
  const char *length = strcasestr(r->line, "\r\ncontent-length:");
  if (length == NULL) r->left = UINT64_MAX; /* Until it is closed. */
  else if ((r->left = strtoull(length + 17, NULL, 10)) == 0) return COMPLETE;
  return BODY;
}

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

int ask(int fd, int port, const char *path) {
  char request[512];
  int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", path, port);
  return write(fd, request, length) == length;
}

uint64_t now_us(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000ull + time.tv_nsec / 1000;
}

double cpu_ms(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

void raise_files(void) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

void fail(const char *what, int error) {
  printf("{\"error\":\"%s%s%s\"}\n", what, error ? ": " : "", error ? strerror(error) : "");
  exit(1);
}
