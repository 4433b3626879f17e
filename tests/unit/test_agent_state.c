/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/state/state.h"

struct folder {
	char path[64];
	char file[128];
};

static int make_folder(void **state)
{
	static struct folder f;

	snprintf(f.path, sizeof(f.path), "/tmp/waypost-state-XXXXXX");
	*state = &f;
	if (mkdtemp(f.path) == NULL)
		return -1;
	snprintf(f.file, sizeof(f.file), "%s/agent.json", f.path);
	return 0;
}

static int remove_folder(void **state)
{
	const struct folder *f = *state;

	unlink(f->file);
	return rmdir(f->path);
}

static void write_file(const struct folder *f, const char *text)
{
	FILE *out = fopen(f->file, "we");

	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

static void read_file(const struct folder *f, char *out, size_t cap)
{
	FILE *in = fopen(f->file, "re");
	size_t n;

	assert_non_null(in);
	n = fread(out, 1, cap - 1, in);
	out[n] = '\0';
	fclose(in);
}

static const struct agent_state sample = {
	.cluster = "demo",
	.number = 191,
	.ownership = { .max_epoch = MSG_INT_MAX,
		       .n = 2,
		       .records = { { { IP_V4, { 192, 0, 2, 21 } }, MSG_INT_MAX, true },
				    { { IP_V6, { 0x20, 0x01, 0x0d, 0xb8, [15] = 9 } },
				      0,
				      false } } },
	.n_keys = 2,
	.keys = { { "k1", { 16, { 1, 2, 3 } } }, { "k-2", { 64, { 0xff, 0xfe } } } },
};

/* The octets of the file, made by hand and with base64(1). */
static const char sample_text[] =
    "{\"format\":2,\"cluster\":\"demo\",\"number\":191,\"max_epoch\":9007199254740991,"
    "\"addresses\":[{\"address\":\"192.0.2.21\",\"epoch\":9007199254740991,\"ours\":true},"
    "{\"address\":\"2001:db8::9\",\"epoch\":0,\"ours\":false}],"
    "\"keys\":[{\"id\":\"k1\",\"key\":\"AQIDAAAAAAAAAAAAAAAAAA==\"},{\"id\":\"k-2\",\"key\":"
    "\"//4AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\"}]"
    "}";

static void assert_sample(const struct agent_state *s)
{
	assert_int_equal(s->number, sample.number);
	assert_string_equal(s->cluster, sample.cluster);
	assert_int_equal(s->format, 2);
	assert_true(s->ownership.max_epoch == sample.ownership.max_epoch);
	assert_int_equal(s->ownership.n, sample.ownership.n);
	for (size_t i = 0; i < sample.ownership.n; i++) {
		const struct ownership_record *a = &s->ownership.records[i];
		const struct ownership_record *b = &sample.ownership.records[i];

		assert_true(ip_is_equal(&a->ip, &b->ip));
		assert_true(a->epoch == b->epoch);
		assert_int_equal(a->is_ours, b->is_ours);
	}
	assert_int_equal(s->n_keys, sample.n_keys);
	for (size_t i = 0; i < sample.n_keys; i++) {
		assert_string_equal(s->keys[i].id, sample.keys[i].id);
		assert_true(
		    bytes_is_equal(key_bytes(&s->keys[i].key), key_bytes(&sample.keys[i].key)));
	}
}

static void test_round_trip(void **state)
{
	const struct folder *f = *state;
	struct agent_state out = { .number = 9 };
	struct errtext why = { "" };
	char text[1024];
	struct stat st;

	assert_int_equal(state_load(f->path, &out, &why), 0); /* no file yet */
	assert_int_equal(out.number, 0);
	assert_int_equal(out.format, 0);
	assert_int_equal(state_save(f->path, &sample, &why), 0);
	read_file(f, text, sizeof(text));
	assert_string_equal(text, sample_text);
	assert_int_equal(stat(f->file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(state_load(f->path, &out, &why), 0);
	assert_sample(&out);
	state_wipe(&out);
	assert_int_equal(out.keys[1].key.len, 0);
	assert_int_equal(out.keys[1].key.data[0], 0);
}

/* Everything at its longest fits. */
static void test_the_largest(void **state)
{
	static struct agent_state in, out;
	const struct folder *f = *state;
	struct errtext why = { "" };

	in.number = 1;
	memset(in.cluster, 'c', sizeof(in.cluster) - 1);
	in.ownership.max_epoch = MSG_INT_MAX;
	in.ownership.n = KEEPER_ADDRESSES_MAX;
	for (size_t i = 0; i < KEEPER_ADDRESSES_MAX; i++) {
		struct ownership_record *r = &in.ownership.records[i];

		*r = (struct ownership_record){ .epoch = MSG_INT_MAX, .is_ours = false };
		r->ip.family = IP_V6;
		memset(r->ip.octets, 0xa1, 16);
		r->ip.octets[15] = (uint8_t)(0x80 + i);
	}
	in.n_keys = MESH_KEYS_MAX;
	for (size_t i = 0; i < MESH_KEYS_MAX; i++) {
		memset(in.keys[i].id, (int)('a' + i), NAME_TEXT_MAX);
		in.keys[i].key.len = KEY_MAX;
	}
	assert_int_equal(state_save(f->path, &in, &why), 0);
	assert_int_equal(state_load(f->path, &out, &why), 0);
	assert_int_equal(out.ownership.n, KEEPER_ADDRESSES_MAX);
	assert_int_equal(out.n_keys, MESH_KEYS_MAX);
}

#define TOP(format, number, max_epoch)                                                            \
	"{\"format\":" format ",\"cluster\":\"a\",\"number\":" number ",\"max_epoch\":" max_epoch \
	",\"addresses\":["
#define HEAD       TOP("2", "1", "5")
#define KEYS       "],\"keys\":["
#define END        "]}"
#define ONE        "{\"address\":\"192.0.2.1\",\"epoch\":5,\"ours\":true}"
#define KEY(text)  "{\"id\":\"k\",\"key\":\"" text "\"}"
#define GOOD_KEY   KEY("AQIDAAAAAAAAAAAAAAAAAA==")
#define ITEM(text) HEAD text KEYS END
#define WITH(text) HEAD ONE KEYS text END

static void test_bad_files(void **state)
{
	static const struct {
		const char *text;
		int err;
	} cases[] = {
		{ "{", ERR_VALUE },
		{ "[]", ERR_VALUE },
		{ "{\"format\":1,\"cluster\":\"a\"}", ERR_VALUE },
		{ "{\"format\":1,\"cluster\":\"a\",\"number\":0}", ERR_VALUE },
		{ "{\"format\":1,\"cluster\":\"a\",\"number\":192}", ERR_VALUE },
		{ "{\"format\":1,\"cluster\":\"a\",\"number\":\"1\"}", ERR_VALUE },
		{ "{\"format\":1,\"cluster\":\"a\",\"number\":1,\"number\":2}", ERR_VALUE },
		{ "{\"format\":0,\"cluster\":\"a\",\"number\":1}", ERR_VALUE },
		{ "{\"format\":2,\"cluster\":\"a\",\"number\":1}", ERR_VALUE },
		{ "{\"format\":3,\"cluster\":\"a\",\"number\":1}", ERR_UNSUPPORTED },
		{ TOP("3", "1", "5") KEYS END, ERR_UNSUPPORTED },
		{ TOP("2", "0", "5") KEYS END, ERR_VALUE },
		{ TOP("2", "1", "-1") KEYS END, ERR_VALUE },
		{ TOP("2", "1", "9007199254740992") KEYS END, ERR_VALUE },
		{ TOP("2", "1", "1.5") KEYS END, ERR_VALUE },
		{ ITEM("5"), ERR_VALUE },
		{ ITEM(ONE "," ONE), ERR_VALUE },
		{ ITEM("{\"address\":\"192.0.2.1\",\"epoch\":6,\"ours\":true}"), ERR_VALUE },
		{ ITEM("{\"address\":\"192.0.2.1\",\"epoch\":-1,\"ours\":true}"), ERR_VALUE },
		{ ITEM("{\"address\":\"192.0.2.1\",\"epoch\":5,\"ours\":1}"), ERR_VALUE },
		{ ITEM("{\"address\":\"192.0.2.1\",\"epoch\":5}"), ERR_VALUE },
		{ ITEM("{\"address\":\"192.0.2\",\"epoch\":5,\"ours\":true}"), ERR_VALUE },
		{ ITEM("{\"address\":\"192.0.2.1\",\"epoch\":5,\"ours\":true,\"x\":1}"),
		  ERR_VALUE },
		{ WITH(GOOD_KEY "," GOOD_KEY), ERR_VALUE },
		{ WITH(KEY("AQIDAAAAAAAAAAAAAAAAAA=")), ERR_VALUE },
		{ WITH(KEY("AQIDAAAAAAAAAAAAAAAAAB==")), ERR_VALUE }, /* bits behind the end */
		{ WITH(KEY(" AQIDAAAAAAAAAAAAAAAAAA==")), ERR_VALUE },
		{ WITH(KEY("AQIDAAAAAAAAAAAAAAAA*A==")), ERR_VALUE },
		{ WITH(KEY("AQIDAAAAAAAAAAAAAAAA")), ERR_VALUE }, /* 15 octets */
		{ WITH(KEY("")), ERR_VALUE },
		{ WITH(KEY("====")), ERR_VALUE },
		{ WITH("{\"id\":\"K\",\"key\":\"AQIDAAAAAAAAAAAAAAAAAA==\"}"), ERR_VALUE },
		{ WITH("{\"id\":\"k\",\"key\":7}"), ERR_VALUE },
		{ WITH("{\"id\":\"k\"}"), ERR_VALUE },
		{ HEAD ONE KEYS "],\"more\":[" END, ERR_VALUE },
		{ WITH(GOOD_KEY), 0 },
		{ WITH(""), 0 },
	};
	const struct folder *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct agent_state out;
		struct errtext why = { "" };
		int err;

		write_file(f, cases[i].text);
		err = state_load(f->path, &out, &why);
		if (err != cases[i].err)
			fail_msg("%s: %s", cases[i].text, err_text(err));
		assert_int_equal(strstr(why.text, "agent.json") != NULL, err != 0);
	}
}

static void test_too_long(void **state)
{
	static char text[20000];
	const struct folder *f = *state;
	struct agent_state out;
	struct errtext why = { "" };

	memset(text, ' ', sizeof(text) - 1);
	memcpy(text, WITH(GOOD_KEY), strlen(WITH(GOOD_KEY)));
	write_file(f, text);
	assert_int_equal(state_load(f->path, &out, &why), ERR_VALUE);
	assert_non_null(strstr(why.text, "damaged"));
}

/* From before there were epochs. */
static void test_format_1(void **state)
{
	static const struct ownership_conf conf = {
		.n = 3,
		.addresses = { { { IP_V4, { 192, 0, 2, 21 } }, true, false },
			       { { IP_V4, { 192, 0, 2, 22 } }, false, false },
			       { { IP_V4, { 192, 0, 2, 23 } }, true, true } },
	};
	const struct folder *f = *state;
	struct agent_state out;
	struct errtext why = { "" };

	write_file(f, "{\"format\":1,\"cluster\":\"a\",\"number\":7}");
	assert_int_equal(state_load(f->path, &out, &why), 0);
	assert_int_equal(out.number, 7);
	assert_int_equal(out.format, 1);
	assert_int_equal(out.ownership.n, 0);
	assert_int_equal(out.n_keys, 0);
	state_take_homes(&out, &conf);
	assert_int_equal(out.ownership.n, 2);
	assert_true(ip_is_equal(&out.ownership.records[1].ip, &conf.addresses[2].ip));
	assert_int_equal(out.ownership.records[1].epoch, 0);
	assert_true(out.ownership.records[1].is_ours);
	/* Only then. */
	assert_int_equal(state_save(f->path, &sample, &why), 0);
	assert_int_equal(state_load(f->path, &out, &why), 0);
	state_take_homes(&out, &conf);
	assert_sample(&out);
}

static void refuse(const struct folder *f, const struct agent_state *bad)
{
	struct errtext why = { "" };

	assert_int_equal(state_save(f->path, bad, &why), ERR_VALUE);
	assert_true(why.text[0] != '\0');
	assert_int_not_equal(access(f->file, F_OK), 0);
}

static void test_saving_refuses(void **state)
{
	struct agent_state bad = sample;

	bad.number = 0;
	refuse(*state, &bad);
	bad = sample, bad.ownership.max_epoch = MSG_INT_MAX - 1;
	refuse(*state, &bad);
	bad = sample, bad.ownership.records[1].ip = bad.ownership.records[0].ip;
	refuse(*state, &bad);
	bad = sample, bad.ownership.n = KEEPER_ADDRESSES_MAX + 1;
	refuse(*state, &bad);
	bad = sample, bad.n_keys = MESH_KEYS_MAX + 1;
	refuse(*state, &bad);
	bad = sample, bad.keys[0].key.len = MESH_KEY_MIN - 1;
	refuse(*state, &bad);
	bad = sample, bad.keys[0].id[0] = '\0';
	refuse(*state, &bad);
}

static void test_nowhere(void **state)
{
	struct errtext why = { "" };

	(void)state;
	assert_int_equal(state_save("/nonexistent/folder", &sample, &why), ERR_IO);
	assert_non_null(strstr(why.text, "/nonexistent/folder"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_round_trip), CASE(test_the_largest), CASE(test_bad_files),
		CASE(test_too_long),   CASE(test_format_1),    CASE(test_saving_refuses),
		CASE(test_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
