/* A connection to the server under test and the HTTP/1.1 response that comes over it, without its framing. */
#ifndef RESPONSE_H
#define RESPONSE_H

#include <stddef.h>
#include <stdint.h>

#define HEAD_BYTES 2048

enum phase { HEAD, BODY, SIZE, DATA, DATA_END, TRAILER, COMPLETE, BROKEN };

struct response {
  enum phase phase;
  int status;
  /* Of the body, or of the chunk that is being read. */
  uint64_t left;
  uint64_t body, chunks;
  unsigned held;
  char line[HEAD_BYTES];
};

typedef void on_body(void *owner, const char *bytes, size_t length);

/* Before each response of a connection. */
void response_begin(struct response *response);
/* Takes what was read. @returns the phase it is in now; BROKEN where it is no response, or goes on behind its end. */
enum phase response_take(struct response *response, const char *bytes, size_t length, on_body *body, void *owner);

/* A nonblocking connection to this machine, begun; -1 where there are no more. */
int connect_to(int port);
/* @returns 0 where it could not be written at once. */
int ask(int fd, int port, const char *path);

uint64_t now_us(void);
double cpu_ms(void);
void raise_files(void);
/* Says what went wrong as the answer, and ends. `error` is an errno, or 0. */
void fail(const char *what, int error);

#endif
