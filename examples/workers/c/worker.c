/* Pops jobs and answers them, at most once: the job in its hand dies with it. Needs hiredis and jansson, nothing of Tempest. */
#include "app.h"
#include "store.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool answer(redisContext *redis, const redisReply *raw)
{
    char *mailbox = NULL, *entry = run(raw->str, raw->len, &mailbox);
    bool well = true;
    if (entry) {
        redisReply *length = redisCommand(redis, "RPUSH %s %s", mailbox, entry);
        if (length && length->integer == 1) /* a new list: its reader may be gone for good (P-47) */
            done(redisCommand(redis, "EXPIRE %s 21600", mailbox));
        well = done(length);
    }
    free(entry);
    free(mailbox);
    return well;
}

static void work(redisContext *redis, const char *queue)
{
    bool well = true;
    while (well) {
        redisReply *popped = redisCommand(redis, "BLPOP {%s}:high %s {%s}:low 3", queue, queue, queue);
        if (popped && popped->type == REDIS_REPLY_ARRAY)
            well = answer(redis, popped->element[1]);
        well = done(popped) && well;
    }
}

int main(void)
{
    printf("worker.c works for %s\n", queue_name());
    fflush(stdout);
    for (;; usleep(500000)) {
        redisContext *redis = dial();
        if (redis)
            work(redis, queue_name());
        redisFree(redis);
    }
}
