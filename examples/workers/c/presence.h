/* Says that this worker is here (P-76, P-100, P-101), so that what it holds when it dies is found by others. */
#include "store.h"

/* Of this process, when start_beats has returned. */
extern char boot[17];

/* From now on as long as this process lives. False: it cannot be. */
bool start_beats(void);

bool beat(redisContext *redis);

bool leave(redisContext *redis);
