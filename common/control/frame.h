/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_FRAME_H
#define CONTROL_FRAME_H

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/base/errtext.h"

/*
 * Frames of the control protocol: one JSON object (RFC 8259) a line, in UTF-8, ended by a line
 * feed. This is the part below the messages: octets to lines, a line to a JSON object with a
 * "type", and back. A frame that is refused here ends the connection; the reason is for the log.
 */
#define FRAME_MAX       65536 /* octets of a line, its line feed included */
#define FRAME_DEPTH_MAX 8     /* objects and arrays inside each other, the frame itself included */
#define FRAME_TYPE_MAX  32    /* octets of a type: a-z, 0-9, '-' and '_' */

/* Cuts a stream of octets into lines. Holds at most FRAME_MAX octets, between lines hardly any. */
struct frame_reader;

/* NULL if there is no memory. */
struct frame_reader *frame_reader_new(void);
void frame_reader_free(struct frame_reader *r); /* NULL is fine */

/*
 * Takes octets from the front of *input, as far as the end of the first line, and moves *input on.
 * *line is then that line without its line feed, valid until the next call and as long as the
 * input is; or {NULL, 0} when the input is used up and the line goes on. Call it until then.
 *
 * Returns 0, or ERR_TOO_LONG or ERR_NO_MEMORY, and from then on the same error.
 */
MUST_USE int frame_reader_next(struct frame_reader *r, struct bytes *input, struct bytes *line,
			       struct errtext *why);

/* True in the middle of a line: if the stream ends here, a frame was cut short. */
bool frame_reader_is_inside(const struct frame_reader *r);

/* Whether text may be a type. */
bool frame_is_type(const char *text);

struct json_t;

/*
 * A line to a JSON object. *out is a new reference, *type its "type", valid as long as the object.
 * The depth is checked before anything is built. Returns 0 or
 *   ERR_TOO_LONG   more octets than FRAME_MAX
 *   ERR_LIMIT      deeper than FRAME_DEPTH_MAX
 *   ERR_DUPLICATE  an object has a name twice
 *   ERR_VALUE      no JSON, no UTF-8, not an object, or the type is not a text as above
 *   ERR_MISSING    no type
 */
MUST_USE int frame_parse(struct bytes line, struct json_t **out, const char **type,
			 struct errtext *why);

/* The object as a line with its line feed. ERR_NO_SPACE, ERR_TOO_LONG, ERR_NO_MEMORY. */
MUST_USE int frame_write(const struct json_t *json, uint8_t *buf, size_t cap, struct bytes *out);

#endif
