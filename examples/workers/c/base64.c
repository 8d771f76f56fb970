/* Base64 as RFC 4648 has it in section 4. */
#include "base64.h"
#include <stdlib.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const char *data, size_t length)
{
    const unsigned char *from = (const unsigned char *)data;
    char *text = malloc((length + 2) / 3 * 4 + 1), *to = text;
    for (size_t n = 0; n < length; n += 3) {
        size_t left = length - n;
        unsigned long group = (unsigned long)from[n] << 16;
        if (left > 1)
            group |= (unsigned long)from[n + 1] << 8;
        if (left > 2)
            group |= from[n + 2];
        *to++ = alphabet[group >> 18];
        *to++ = alphabet[group >> 12 & 63];
        *to++ = left > 1 ? alphabet[group >> 6 & 63] : '=';
        *to++ = left > 2 ? alphabet[group & 63] : '=';
    }
    *to = '\0';
    return text;
}

char *base64_decode(const char *text, size_t *length)
{
    size_t given = strlen(text), digits = strspn(text, alphabet), padding = given - digits;
    if (given % 4 != 0 || padding > 2 || strspn(text + digits, "=") != padding)
        return NULL;
    char *data = malloc(given / 4 * 3 + 1), *to = data;
    unsigned long bits = 0;
    int held = 0;
    for (size_t n = 0; n < digits; n++) {
        bits = bits << 6 | (unsigned long)(strchr(alphabet, text[n]) - alphabet);
        held += 6;
        if (held >= 8) {
            held -= 8;
            *to++ = (char)(bits >> held & 255);
        }
    }
    *length = (size_t)(to - data);
    return data;
}
