/* What this worker answers. */
#include <stddef.h>

/* Returns the reply to this job, and in mailbox who waits for it; NULL where nobody waits, or this is no job. Both are to be freed. */
char *run(const char *raw, size_t length, char **mailbox);
