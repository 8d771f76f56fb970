/* Many streams at once: read as quickly as they come, or hardly at all. Both go on until stdin ends. */
#ifndef TOKENS_H
#define TOKENS_H

void read_tokens(int port, const char *path, unsigned count);
void read_slowly(int port, const char *path, unsigned count);

#endif
