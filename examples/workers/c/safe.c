/* Pops jobs and answers them; one that dies in its hand goes to another worker (P-70 ff). Needs hiredis and jansson, nothing of Tempest. */
#include "app.h"
#include "presence.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t stopping;

static void stop(int signal)
{
    stopping = signal;
}

static bool finish(redisContext *redis, const char *held, const redisReply *raw)
{
    char *mailbox = NULL, *entry = run(raw->str, raw->len, &mailbox);
    int appended = entry ? 4 : 2;
    redisAppendCommand(redis, "MULTI");
    if (entry) {
        redisAppendCommand(redis, "RPUSH %s %s", mailbox, entry);
        redisAppendCommand(redis, "EXPIRE %s 21600", mailbox);
    }
    redisAppendCommand(redis, "LREM %s 1 %b", held, raw->str, (size_t)raw->len);
    free(entry);
    free(mailbox);
    return exec(redis, appended);
}

static void work(redisContext *redis, const char *queue)
{
    char held[256];
    snprintf(held, sizeof held, "{%s}:held:%s", queue, boot);
    bool well = beat(redis); /* before it pops: what it holds must be found */
    while (well) {
        redisReply *raw = redisCommand(redis, "LINDEX %s 0", held); /* what stands here is its own, and nothing else (P-72) */
        int type = raw ? raw->type : REDIS_REPLY_ERROR;
        if (type == REDIS_REPLY_STRING)
            well = finish(redis, held, raw);
        else if (type == REDIS_REPLY_NIL && !stopping)
            well = done(redisCommand(redis, "BLMOVE %s %s LEFT RIGHT 2", queue, held));
        else
            well = type == REDIS_REPLY_NIL && !leave(redis);
        freeReplyObject(raw);
    }
}

int main(void)
{
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    signal(SIGPIPE, SIG_IGN);
    if (!start_beats())
        return EXIT_FAILURE;
    printf("safe.c works for %s\n", queue_name());
    fflush(stdout);
    for (; !stopping; usleep(500000)) {
        redisContext *redis = dial();
        if (redis)
            work(redis, queue_name());
        redisFree(redis);
    }
}
