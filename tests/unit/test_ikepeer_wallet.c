/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/ikepeer/tell.h"
#include "cli/ikepeer/wallet.h"
#include "common/ikev2/notify.h"

/* The tickets that ikepeer keeps, in memory and in a file; the lines that it prints. */
#define NOW  1000000u
#define WALL 1764072000u

static struct resumption ticket(uint64_t spi, uint64_t lifetime_ms)
{
	struct resumption r = {
		.ticket_len = 5,
		.ticket = { 1, 2, 3, 4, (uint8_t)spi },
		.expires_ms = NOW + lifetime_ms,
		.spi = spi,
		.sk_d = { 32, { 9, 8, 7 } },
		.auth_method = AUTH_SHARED_KEY,
		.idi_type = ID_FQDN,
		.idr_type = ID_FQDN,
		.idi_len = 2,
		.idr_len = 2,
		.idi = "p1",
		.idr = "gw",
	};

	assert_int_equal(ike_suite_parse("aes256gcm16-prfsha256-x25519", &r.suite), 0);
	return r;
}

static void test_wallet(void **state)
{
	static struct wallet w;
	struct resumption r;

	(void)state;
	assert_null(wallet_best(&w, NOW));
	for (uint64_t spi = 1; spi <= WALLET_MAX + 1; spi++) {
		r = ticket(spi, 1000 * spi);
		wallet_put(&w, &r);
		assert_int_equal(wallet_best(&w, NOW)->spi, spi);
	}
	assert_int_equal(w.n, WALLET_MAX); /* the first one went */
	wallet_drop(&w, 1);
	assert_int_equal(w.n, WALLET_MAX);

	/* In place of the earlier one of that SA. */
	r = ticket(3, 500);
	wallet_put(&w, &r);
	assert_int_equal(w.n, WALLET_MAX);
	assert_int_equal(wallet_best(&w, NOW)->spi, 3);
	assert_int_equal(wallet_best(&w, NOW + 500)->spi, WALLET_MAX + 1);
	assert_null(wallet_best(&w, NOW + 1000 * (WALLET_MAX + 1)));
	wallet_drop(&w, WALLET_MAX + 1);
	wallet_drop(&w, 3);
	assert_int_equal(wallet_best(&w, NOW)->spi, WALLET_MAX);
	r = ticket(WALLET_MAX, 1);
	wallet_put(&w, &r);
	assert_int_equal(w.n, WALLET_MAX - 2);
	wallet_wipe(&w);
	assert_int_equal(w.n, 0);
}

static void test_text(void **state)
{
	struct resumption r = ticket(7, 100000), back;
	char text[TICKET_TEXT_MAX];

	(void)state;
	assert_int_equal(ticket_to_text(&r, NOW, WALL, text), 0);
	/* After a restart, with another clock, 40 s later. */
	assert_int_equal(ticket_from_text(text, 5000, WALL + 40, &back), 0);
	assert_int_equal(back.expires_ms, 5000 + 60000);
	back.expires_ms = r.expires_ms;
	back.spi = r.spi;
	assert_memory_equal(&back.ticket, &r.ticket, r.ticket_len);
	assert_memory_equal(&back.sk_d, &r.sk_d, sizeof(r.sk_d));
	assert_int_equal(back.ticket_len, r.ticket_len);
	assert_ptr_equal(back.suite.kex, r.suite.kex);
	assert_int_equal(back.auth_method, r.auth_method);
	assert_int_equal(back.idi_len + back.idr_len, 4);
	assert_memory_equal(back.idr, "gw", 2);
	assert_int_equal(ticket_from_text(text, 5000, WALL + 100, &back), ERR_TIMEOUT);
	assert_int_equal(back.ticket_len, 0);
}

/* The longest there is, too. */
static void test_long_ticket(void **state)
{
	struct resumption r = ticket(7, 100000), back;
	char text[TICKET_TEXT_MAX];

	(void)state;
	r.ticket_len = RESUMPTION_TICKET_MAX;
	r.idi_len = r.idr_len = ID_TEXT_MAX;
	assert_int_equal(ticket_to_text(&r, NOW, WALL, text), 0);
	assert_int_equal(ticket_from_text(text, NOW, WALL, &back), 0);
	assert_int_equal(back.ticket_len, RESUMPTION_TICKET_MAX);
}

/* Cut anywhere, or with any octet changed, it is no ticket or still a whole one; never a crash. */
static void test_damaged_text(void **state)
{
	struct resumption r = ticket(7, 100000), back;
	char text[TICKET_TEXT_MAX], copy[TICKET_TEXT_MAX];
	size_t len;

	(void)state;
	assert_int_equal(ticket_to_text(&r, NOW, WALL, text), 0);
	len = strlen(text);
	for (size_t i = 0; i < len; i++) {
		memcpy(copy, text, i);
		copy[i] = '\0';
		assert_int_equal(ticket_from_text(copy, NOW, WALL, &back), ERR_VALUE);
		memcpy(copy, text, len + 1);
		copy[i] ^= 1;
		if (ticket_from_text(copy, NOW, WALL, &back) == 0)
			assert_true(back.ticket_len > 0 && back.sk_d.len > 0);
	}
	assert_int_equal(ticket_from_text("{}", NOW, WALL, &back), ERR_VALUE);
	assert_int_equal(ticket_from_text("[1]", NOW, WALL, &back), ERR_VALUE);
}

static void test_file(void **state)
{
	char folder[] = "/tmp/test_ikepeer_wallet.XXXXXX", path[64], link[64];
	char text[TICKET_TEXT_MAX];
	struct errtext why;
	struct stat st;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/ticket", folder);
	snprintf(link, sizeof(link), "%s/link", folder);
	assert_int_equal(ticket_file_open(path, &fd, &why), 0);
	assert_int_equal(ticket_file_read(fd, text), 0);
	assert_string_equal(text, "");
	assert_int_equal(ticket_file_write(fd, "a long text"), 0);
	assert_int_equal(ticket_file_write(fd, "short"), 0);
	assert_int_equal(ticket_file_read(fd, text), 0);
	assert_string_equal(text, "short");
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(ticket_file_write(fd, NULL), 0);
	assert_int_equal(ticket_file_read(fd, text), 0);
	assert_string_equal(text, "");
	close(fd);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(ticket_file_open(path, &fd, &why), ERR_CONFIG);
	/* Another's file, whatever its mode: its owner could read what is written there. */
	assert_int_equal(chmod(path, 0600), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 65534, 65534), 0);
		assert_int_equal(ticket_file_open(path, &fd, &why), ERR_CONFIG);
	}
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(ticket_file_open(link, &fd, &why), ERR_IO);
	assert_int_equal(ticket_file_open(folder, &fd, &why), ERR_IO);
	unlink(link);
	unlink(path);
	rmdir(folder);
}

/* ---- lines ---- */

static uint64_t fixed_wall(void)
{
	return WALL * UINT64_C(1000) + 42;
}

static uint64_t fixed_now(void)
{
	return NOW;
}

static const struct ip gateway = { IP_V4, { 192, 0, 2, 21 } };

/* A whole life, as lines. The Child SA comes before its IKE SA, and is told after it. */
static char *tell_all(bool is_json)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	const struct report r = { out, is_json, fixed_wall };
	struct teller t = { .report = &r, .now_ms = fixed_now };
	struct ip_prefix prefix = { { IP_V4, { 10 } }, 8 };
	struct resumption kept = ticket(1, 3600000);
	struct action a = { .type = ACTION_CHILD_ADD };

	tell_connect(&t, &gateway, true);
	tell_redirect(&t, &gateway);
	a.child.ts_local.n = a.child.ts_remote.n = 1;
	a.child.ts_local.items[0] = a.child.ts_remote.items[0] = ts_from_prefix(&prefix);
	tell_action(&t, &a);
	a.type = ACTION_PEER_UP;
	a.peer = (struct peer_info){ .spi = 1,
				     .peer_spi = 2,
				     .identity = "gw",
				     .is_resumed = true,
				     .path = { .remote = { gateway, 4500 } },
				     .ike = kept.suite };
	tell_action(&t, &a);
	a.type = ACTION_TICKET;
	a.resumption = &kept;
	tell_action(&t, &a);
	a.type = ACTION_CHILD_ADD;
	tell_action(&t, &a);
	a.type = ACTION_PEER_CHANGED;
	tell_action(&t, &a); /* nothing to tell */
	a.peer.old_spi = 3;
	tell_action(&t, &a);
	a.type = ACTION_PEER_DOWN;
	a.reason = REASON_DEAD;
	tell_action(&t, &a);
	a.type = ACTION_PEER_FAILED;
	a.notify = NOTIFY_AUTHENTICATION_FAILED;
	tell_action(&t, &a);
	tell_wait(&r, 1500);
	tell_end(&r, 1);
	fclose(out);
	return text;
}

static void test_text_lines(void **state)
{
	static const char *const lines[] = {
		"connecting: 192.0.2.21 with a ticket\n",
		"redirected: to 192.0.2.21\n",
		("established: (resumed) with 'gw' at 192.0.2.21:4500, "
		 "aes256gcm16-prfsha256-x25519\n"),
		"child-up: 10.0.0.0/8 === 10.0.0.0/8\n",
		"ticket: good for 3600 s\n",
		"child-up: 10.0.0.0/8 === 10.0.0.0/8 (rekeyed)\n",
		"rekeyed: the IKE SA\n",
		"lost: peer does not answer (192.0.2.21:4500)\n",
		"failed: peer does not answer, AUTHENTICATION_FAILED (192.0.2.21:4500)\n",
		"retry: in 1.5 s\n",
		"ended: status 1\n",
	};
	char *text = tell_all(false), *at = text;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_memory_equal(at, "2025-11-25T12:00:00.042Z ", 25);
		at += 25;
		if (strncmp(at, lines[i], strlen(lines[i])) != 0)
			fail_msg("'%s' is not at the front of '%s'", lines[i], at);
		at += strlen(lines[i]);
	}
	assert_string_equal(at, "");
	free(text);
}

static void test_json_lines(void **state)
{
	static const char *const events[] = { "connecting", "redirected", "established", "child-up",
					      "ticket",     "child-up",   "rekeyed",     "lost",
					      "failed",     "retry",      "ended" };
	char *text = tell_all(true), *save = NULL, *line = strtok_r(text, "\n", &save);

	(void)state;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		json_t *json = json_loads(line, 0, NULL);

		assert_string_equal(json_string_value(json_object_get(json, "event")), events[i]);
		assert_string_equal(json_string_value(json_object_get(json, "time")),
				    "2025-11-25T12:00:00.042Z");
		json_decref(json);
		line = strtok_r(NULL, "\n", &save);
	}
	assert_null(line);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wallet),      cmocka_unit_test(test_text),
		cmocka_unit_test(test_long_ticket), cmocka_unit_test(test_damaged_text),
		cmocka_unit_test(test_file),        cmocka_unit_test(test_text_lines),
		cmocka_unit_test(test_json_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
