/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define MUST_USE __attribute__((warn_unused_result))

/*
 * The one error space. A function that can fail returns 0 or one of these as an int, is marked
 * MUST_USE, and leaves its outputs untouched when it fails. err_text() gives a phrase for logs.
 */
#define ERR_LIST(X)                                                       \
	X(TRUNCATED, -1, "the input ends inside a field")                 \
	X(TRAILING, -2, "the input goes on after the last field")         \
	X(VALUE, -3, "a field holds a value that is not allowed")         \
	X(MISMATCH, -4, "a field differs from the one it has to repeat")  \
	X(NO_SPACE, -5, "the output buffer is full")                      \
	X(TOO_LONG, -6, "the content does not fit its length field")      \
	X(LIMIT, -7, "a configured or built-in limit is reached")         \
	X(CRITICAL, -8, "an unknown payload is marked critical")          \
	X(MISSING, -9, "a mandatory part is missing")                     \
	X(DUPLICATE, -10, "a part that may appear once appears again")    \
	X(AUTH, -11, "authentication failed")                             \
	X(CRYPTO, -12, "the cryptographic library refused an operation")  \
	X(NO_MEMORY, -13, "out of memory")                                \
	X(NOT_FOUND, -14, "there is no such thing")                       \
	X(EXISTS, -15, "there is already such a thing")                   \
	X(BAD_STATE, -16, "not possible in the present state")            \
	X(REPLAY, -17, "a sequence number was seen before or is too old") \
	X(UNSUPPORTED, -18, "not supported")                              \
	X(IO, -19, "the operating system refused an operation")           \
	X(CONFIG, -20, "the configuration is wrong")                      \
	X(CLOSED, -21, "the other side is gone")                          \
	X(TIMEOUT, -22, "no answer in time")

#define ERR_ENUMERATOR(name, number, text) ERR_##name = (number),
enum err {
	ERR_LIST(ERR_ENUMERATOR)
};
#undef ERR_ENUMERATOR

/* A phrase without full stop; "no error" for 0. Never NULL. */
const char *err_text(int err);

#endif
