/* One event stream as its reader sees it: asked for, open, closed; and the numbers it still has to get. */
#ifndef STREAM_H
#define STREAM_H

#include <stddef.h>

/* #<8 digits># */
#define MARKER_BYTES 10

enum state { CONNECTING, ASKED, OPEN, CLOSED };

struct stream {
  int fd;
  enum state state;
  /* The number that must come next; 0 before the first. */
  unsigned next;
  /* A marker that a read has cut. */
  size_t held;
  char carry[MARKER_BYTES];
};

/* Called for each number in the order of its arrival; `expected` is false where it is not the one after the last. */
typedef void on_number(unsigned number, int expected);

int stream_connect(struct stream *stream, int port);
int stream_ask(struct stream *stream, int port, const char *path);
/* Reads all there is. @returns the state it is in now. */
enum state stream_read(struct stream *stream, on_number *got);
/* A nonblocking TCP connection to this machine, begun. */
int connect_to(int port);

#endif
