/* The way to Redis, as the environment gives it. */
#include "store.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *queue = "tempest";
static char host[256] = "localhost", user[256], password[1024];
static int port = 6379, db;

static void refuse(const char *why)
{
    fprintf(stderr, "%s\n", why);
    exit(EXIT_FAILURE);
}

/* In place; false where a % is not followed by two digits. */
static bool unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        unsigned code = (unsigned char)*from;
        if (*from == '%') {
            if (strspn(from + 1, "0123456789abcdefABCDEF") < 2 || sscanf(from + 1, "%2x", &code) != 1)
                return false;
            from += 2;
        }
        *to++ = (char)code;
    }
    *to = '\0';
    return true;
}

/* redis://[[user]:password@]host[:port][/db] */
static bool read_url(const char *url)
{
    int used = 0, end = 0;
    if (strncmp(url, "redis://", 8) != 0)
        return false;
    url += 8;
    size_t login = strcspn(url, "@/");
    if (url[login] == '@') {
        size_t name = strcspn(url, ":@");
        if (name >= login || name >= sizeof user || login - name > sizeof password)
            return false;
        memcpy(user, url, name);
        memcpy(password, url + name + 1, login - name - 1);
        url += login + 1;
    }
    if (sscanf(url, "[%255[0-9a-fA-F:.]]%n", host, &used), used == 0)
        sscanf(url, "%255[0-9a-zA-Z_.-]%n", host, &used);
    if (used == 0)
        return false;
    url += used;
    if (*url == ':') {
        if (sscanf(url, ":%*5[0-9]%n", &end), end == 0)
            return false;
        port = atoi(url + 1);
        if (port > 65535)
            return false;
        url += end;
    }
    if (*url == '/') {
        size_t digits = strspn(url + 1, "0123456789");
        db = digits <= 5 ? atoi(url + 1) : 0;
        url += digits <= 5 ? digits + 1 : 0;
    }
    return *url == '\0' && unescape(user) && unescape(password);
}

/* Before main. */
__attribute__((constructor)) static void read_environment(void)
{
    const char *url = getenv("TEMPEST_REDIS_URL"), *queues = getenv("TEMPEST_QUEUES");
    if (queues && *queues)
        queue = queues;
    if (strchr(queue, ','))
        refuse("TEMPEST_QUEUES: this worker serves one queue, and takes no comma");
    if (url && *url && !read_url(url))
        refuse("TEMPEST_REDIS_URL: it is not of the form redis://[[user]:password@]host[:port][/db]");
}

static bool log_in(redisContext *redis)
{
    if (!*password)
        return true;
    return done(*user ? redisCommand(redis, "AUTH %s %s", user, password) : redisCommand(redis, "AUTH %s", password));
}

redisContext *dial(void)
{
    const struct timeval patience = {5, 0};
    redisContext *redis = redisConnectWithTimeout(host, port, patience);
    bool open = redis && !redis->err && redisSetTimeout(redis, patience) == REDIS_OK;
    if (open && log_in(redis) && done(redisCommand(redis, "SELECT %d", db)))
        return redis;
    fprintf(stderr, "no way to Redis at %s:%d\n", host, port);
    redisFree(redis);
    return NULL;
}

const char *queue_name(void)
{
    return queue;
}

bool done(redisReply *reply)
{
    bool well = reply && reply->type != REDIS_REPLY_ERROR;
    freeReplyObject(reply);
    return well;
}

bool exec(redisContext *redis, int appended)
{
    void *reply = NULL;
    redisAppendCommand(redis, "EXEC");
    for (; appended > 0; appended--, freeReplyObject(reply))
        if (redisGetReply(redis, &reply) != REDIS_OK)
            return false;
    return redisGetReply(redis, &reply) == REDIS_OK && done(reply);
}
