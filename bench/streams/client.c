/*
 * The clients of `npm run bench -- streams`: one thread each, answers in lines of JSON.
 *
 *   client tokens <port> <path> <count>        opens that many streams, says {"connected":n}, and reads them until stdin ends. `run <ms>` from
 *                                              stdin counts what comes meanwhile.
 *   client slow <port> <path> <count>          opens that many, says so, and reads a byte of each every second until stdin ends
 *   client first <port> <path> <n> <pause µs>  n requests, one after the other: time to the first byte of the body
 *   client large <port> <path> <bytes>         one response, all of it compared with what it should be
 *   client steady <port> <path> <each s> <ms>  requests at a fixed rate, however slowly they are answered: time from when each was due
 *
 * A token is #<number>@<µs of the monotonic clock># somewhere in its event; its stream counts them from 0 without a gap.
 */
#define _GNU_SOURCE
#include "tokens.h"
#include "requests.h"
#include "response.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
  if (argc < 5) return fprintf(stderr, "client tokens|slow|first|large|steady <port> <path> <number> …\n"), 2;
  const char *mode = argv[1], *path = argv[3];
  int port = atoi(argv[2]);
  uint64_t number = strtoull(argv[4], NULL, 10), more = argc > 5 ? strtoull(argv[5], NULL, 10) : 0;
  raise_files();
  setvbuf(stdout, NULL, _IOLBF, 0);
  setvbuf(stdin, NULL, _IONBF, 0);
  if (strcmp(mode, "tokens") == 0) read_tokens(port, path, number);
  else if (strcmp(mode, "slow") == 0) read_slowly(port, path, number);
  else if (strcmp(mode, "first") == 0) time_first_bytes(port, path, number, more);
  else if (strcmp(mode, "large") == 0) read_large(port, path, number);
  else if (strcmp(mode, "steady") == 0) request_steadily(port, path, number, more);
  else fail("no such mode", 0);
  return 0;
}
