/* The publisher: one connection, one message that is sent with ever new numbers. */
#ifndef PUBLISHER_H
#define PUBLISHER_H

/* @returns the connection, -1 where it could not be opened. What was the publisher before is closed. */
int publisher_open(int port, const char *escaped);
/* Writes `count` messages in one go, numbered from `first`. @returns 0 where the connection broke. */
int publish(unsigned first, unsigned count);
/* Throws away the replies that have come; the last is kept for `publisher_replied`. @returns 0 where the other side has closed. */
int publisher_read(void);
const char *publisher_replied(void);

#endif
