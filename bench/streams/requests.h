/* Requests whose ends matter: each is read to its last byte. */
#ifndef REQUESTS_H
#define REQUESTS_H

#include <stdint.h>

void time_first_bytes(int port, const char *path, unsigned requests, unsigned pause_us);
void read_large(int port, const char *path, uint64_t bytes);
void request_steadily(int port, const char *path, unsigned per_second, unsigned ms);

#endif
