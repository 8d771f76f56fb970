/* The way to Redis, as the environment gives it. */
#include <hiredis/hiredis.h>
#include <stdbool.h>

/* A connection on which nothing waits for more than 5 s, or NULL. */
redisContext *dial(void);

const char *queue_name(void);

/* Frees the reply to a command; true when it was carried out. */
bool done(redisReply *reply);

/* Sends EXEC behind a MULTI and the commands that were appended since, all of which it counts; true when they were carried out. */
bool exec(redisContext *redis, int appended);
