/* Base64 as RFC 4648 has it in section 4. What is returned is to be freed. */
#include <stddef.h>

char *base64_encode(const char *data, size_t length);

/* NULL where it is malformed. */
char *base64_decode(const char *text, size_t *length);
