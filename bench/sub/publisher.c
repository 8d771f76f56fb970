/*
 * Sends events. Which bytes publish one is the caller's business: a command to Redis or an HTTP request, pipelined as they are.
 */
#define _GNU_SOURCE
#include "publisher.h"
#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OPEN_MS 5000
#define SEND_BYTES (4 << 20)

static int fd = -1;
static char message[2048];
static size_t length;
static size_t marker_at;
static char replied[120];

static int is_connected(void);

int publisher_open(int port, const char *escaped) {
  if (fd >= 0) close(fd);
  length = 0;
  for (const char *at = escaped; *at != 0 && length < sizeof message - 1; at++) {
    int control = at[0] == '\\' && (at[1] == 'r' || at[1] == 'n');
    if (control) at++;
    message[length++] = control ? (*at == 'r' ? '\r' : '\n') : *at;
  }
  message[length] = 0;
  char *data = strchr(message, '@');
  size_t room = data == NULL ? 0 : strspn(data, "@");
  if (room < MARKER_BYTES) return -1;
  memset(data, 'x', room);
  marker_at = data - message;
  fd = connect_to(port);
  if (fd >= 0 && !is_connected()) {
    close(fd);
    fd = -1;
  }
  return fd;
}

int publish(unsigned first, unsigned count) {
  char *bytes = malloc(length * count);
  if (bytes == NULL) return 0;
  for (unsigned i = 0; i < count; i++) {
    char marker[MARKER_BYTES + 1];
    snprintf(marker, sizeof marker, "#%08u#", (first + i) % 100000000);
    memcpy(bytes + i * length, message, length);
    memcpy(bytes + i * length + marker_at, marker, MARKER_BYTES);
  }
  size_t written = 0;
  while (written < length * count) {
    ssize_t n = write(fd, bytes + written, length * count - written);
    if (n > 0) {
      written += n;
      continue;
    }
    if (n < 0 && errno != EAGAIN && errno != EINTR) break;
    publisher_read();
    poll(&(struct pollfd){.fd = fd, .events = POLLIN | POLLOUT}, 1, 100);
  }
  free(bytes);
  return written == length * count;
}

int publisher_read(void) {
  char bytes[65536];
  ssize_t count;
  while ((count = read(fd, bytes, sizeof bytes)) > 0) {
    snprintf(replied, sizeof replied, "%.*s", (int)count, bytes);
    for (char *at = replied; *at != 0; at++) {
      if (*at < ' ' || *at == '"' || *at == '\\') *at = ' ';
    }
  }
  return count != 0;
}

const char *publisher_replied(void) {
  return replied;
}

static int is_connected(void) {
  int error = 0;
  socklen_t size = sizeof error;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){SEND_BYTES}, sizeof(int));
  poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, OPEN_MS);
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}
