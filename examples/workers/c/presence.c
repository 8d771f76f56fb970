/* Says that this worker is here (P-76, P-100, P-101), so that what it holds when it dies is found by others. */
#include "presence.h"
#include <pthread.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

char boot[17];
static pthread_mutex_t beating = PTHREAD_MUTEX_INITIALIZER;

bool beat(redisContext *redis)
{
    redisReply *time = redisCommand(redis, "TIME");
    if (!time || time->type != REDIS_REPLY_ARRAY)
        return done(time) && false;
    char record[512];
    snprintf(record, sizeof record, "{\"role\":\"worker\",\"queues\":[\"%s\"],\"pid\":%d,\"patience\":2500}", queue_name(), getpid());
    redisAppendCommand(redis, "MULTI");
    redisAppendCommand(redis, "HSET tempest:nodes %s %s", boot, record);
    redisAppendCommand(redis, "HINCRBY tempest:beats %s 1", boot);
    redisAppendCommand(redis, "ZADD {%s}:workers %s000 %s", queue_name(), time->element[0]->str, boot);
    freeReplyObject(time);
    return exec(redis, 4);
}

static void *beats(void *none)
{
    for (;; usleep(500000)) {
        redisContext *redis = dial();
        bool well = redis != NULL; /* who works hears of it as well */
        while (well) {
            usleep(500000);
            pthread_mutex_lock(&beating);
            well = beat(redis);
            pthread_mutex_unlock(&beating);
        }
        redisFree(redis);
    }
    return none;
}

/* On a thread and a connection of its own: a handler that computes for long must not look dead. */
bool start_beats(void)
{
    unsigned long long random;
    pthread_t thread;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return false;
    snprintf(boot, sizeof boot, "%016llx", random);
    return pthread_create(&thread, NULL, beats, NULL) == 0;
}

bool leave(redisContext *redis)
{
    pthread_mutex_lock(&beating); /* for good: a beat would bring it back */
    redisAppendCommand(redis, "MULTI");
    redisAppendCommand(redis, "HDEL tempest:nodes %s", boot);
    redisAppendCommand(redis, "HDEL tempest:beats %s", boot);
    redisAppendCommand(redis, "ZREM {%s}:workers %s", queue_name(), boot);
    return exec(redis, 4);
}
