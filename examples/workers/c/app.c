/* What this worker answers: put yours into handle. The rest makes a reply of a job (docs/protocol.md, P-10 to P-42). */
#define _GNU_SOURCE
#include "app.h"
#include "base64.h"
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct bytes {
    char *data;
    size_t length;
};

/* An answer of status, headers and body; or a fail, of which the client sees the status: the message is for the log of the front. */
struct reply {
    const char *verb;
    json_t *what;
};

/* Bytes are text in JSON, or else base64 (P-20). */
static json_t *to_json(const char *data, size_t length)
{
    json_t *text = json_stringn(data, length); /* NULL where it is no UTF-8 */
    if (text)
        return text;
    char *encoded = base64_encode(data, length);
    json_t *binary = json_pack("{s:s}", "base64", encoded);
    free(encoded);
    return binary;
}

static struct bytes from_json(json_t *body)
{
    struct bytes bytes = {NULL, json_string_length(body)};
    const char *binary = json_string_value(json_object_get(body, "base64"));
    if (binary)
        bytes.data = base64_decode(binary, &bytes.length);
    else
        bytes.data = memcpy(calloc(1, bytes.length + 1), bytes.length ? json_string_value(body) : "", bytes.length);
    return bytes;
}

static struct reply answer(int status, const char *type, const char *data, size_t length)
{
    return (struct reply){"answer", json_pack("[i{s:s}o]", status, "content-type", type, to_json(data, length))};
}

static struct reply text(int status, const char *body)
{
    return answer(status, "text/plain; charset=utf-8", body, strlen(body));
}

static struct reply fail(int status, const char *message)
{
    return (struct reply){"fail", json_pack("{s:i,s:s}", "status", status, "message", message)};
}

/* The value of this name in the query, decoded and to be freed, or NULL. */
static char *parameter(const char *target, const char *name)
{
    size_t length = strlen(name);
    const char *at = strchr(target, '?');
    while (at && !(strncmp(at + 1, name, length) == 0 && at[length + 1] == '='))
        at = strchr(at + 1, '&');
    if (!at)
        return NULL;
    char *value = strdup(at + length + 2), *to = value;
    value[strcspn(value, "&")] = '\0';
    for (const char *from = value; *from; from++, to++) {
        unsigned code;
        *to = *from == '+' ? ' ' : *from;
        if (*from == '%' && sscanf(from, "%%%2x", &code) == 1 && from[2]) {
            *to = (char)code;
            from += 2;
        }
    }
    *to = '\0';
    return value;
}

static struct reply as_json(const char *method, const char *target)
{
    char *name = parameter(target, "name");
    json_t *object = json_pack("{s:s,s:s?}", "method", method, "name", name);
    char *json = object ? json_dumps(object, JSON_COMPACT) : NULL;
    struct reply reply = json ? answer(200, "application/json", json, strlen(json)) : fail(400, "the name is no UTF-8");
    free(json);
    free(name);
    json_decref(object);
    return reply;
}

static struct reply slow(const char *target)
{
    char *value = parameter(target, "ms");
    long ms = value ? strtol(value, NULL, 10) : 0;
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) == -1 && errno == EINTR)
        ; /* a signal came */
    free(value);
    return text(200, "slow");
}

static struct reply handle(const char *method, const char *target, json_t *headers, struct bytes body)
{
    int path = (int)strcspn(target, "?");
    char route[64];
    snprintf(route, sizeof route, "%s %.*s", method, path, target);
    if (strcmp(route, "GET /") == 0 || strcmp(route, "HEAD /") == 0)
        return text(200, "Hello from C\n");
    if (strcmp(route, "GET /json") == 0)
        return as_json(method, target);
    if (strcmp(route, "POST /echo") == 0) {
        const char *type = json_string_value(json_object_get(headers, "content-type"));
        return answer(200, type ? type : "application/octet-stream", body.data, body.length);
    }
    if (strcmp(route, "GET /cookies") == 0)
        return (struct reply){"answer", json_pack("[i{s:[ss]}s]", 200, "set-cookie", "a=1; Path=/", "b=2; Path=/", "two cookies\n")};
    if (strcmp(route, "GET /error") == 0)
        return fail(409, "out of stock");
    if (strcmp(route, "GET /slow") == 0)
        return slow(target);
    return text(404, "not found\n");
}

static struct reply reply_to(const char *action, json_t *args)
{
    const char *method, *url;
    json_t *headers, *body = NULL;
    if (strcmp(action, "url") != 0)
        return (struct reply){"fail", json_pack("{s:s,s:s+}", "code", "NO_HANDLER", "message", "no handler for ", action)};
    if (json_unpack(args, "[{s:s,s:s,s:o,s?o}]", "method", &method, "url", &url, "headers", &headers, "body", &body) == -1)
        return fail(400, "this is no request");
    struct bytes bytes = from_json(body);
    struct reply reply = bytes.data ? handle(method, url, headers, bytes) : fail(400, "this is no base64");
    free(bytes.data);
    return reply;
}

/* Null, or any list but those of a queue, {queue}:held and the like (P-10). */
static bool is_mailbox(json_t *respond_to)
{
    const char *name = json_string_value(respond_to);
    return json_is_null(respond_to) || (name && *name && *name != '{');
}

char *run(const char *raw, size_t length, char **mailbox)
{
    const char *action;
    json_t *args, *respond_to, *id;
    char *entry = NULL;
    json_error_t error;
    json_t *job = json_loadb(raw, length, JSON_ALLOW_NUL, &error);
    bool sound = job && json_unpack_ex(job, &error, 0, "[s,o,o,o!]", &action, &args, &respond_to, &id) == 0 && json_is_array(args) &&
                 is_mailbox(respond_to) && (json_is_string(id) || json_is_number(id));
    if (!sound) {
        fprintf(stderr, "not a job: %.*s\n", length < 100 ? (int)length : 100, raw);
    } else {
        char *number = json_dumps(id, JSON_ENCODE_ANY);
        struct reply reply = reply_to(action, args);
        json_t *parts = json_pack("[s,s,o]", reply.verb, json_is_string(id) ? json_string_value(id) : number, reply.what);
        if (parts && json_is_string(respond_to)) {
            entry = json_dumps(parts, JSON_COMPACT);
            *mailbox = strdup(json_string_value(respond_to));
        }
        json_decref(parts);
        free(number);
    }
    json_decref(job);
    return entry;
}
