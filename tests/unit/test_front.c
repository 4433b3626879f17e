/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "director/redirect/front.h"
#include "tests/lib/captures.h"
#include "tests/lib/placement_table.h"
#include "tests/lib/redirect_check.h"

/* The front end with real sockets and threads, on loopback and unprivileged ports. */
#define DEADLINE_MS 5000
#define CLIENTS     8
#define MARKER_SIZE 4

static struct placement_table table;
static struct ticket_ring ring; /* no keys */
static struct front_conf conf;
static struct ip address;
static struct front *front;
static int clients[CLIENTS];
static char said[1024];

static void remember(void *ctx, enum log_level level, enum log_group group, const char *line)
{
	(void)ctx;
	(void)level;
	(void)group;
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n", line);
}

static const struct logger lg = { LOG_LEVEL_INFO, remember, NULL };

static void wait_ms(long ms)
{
	const struct timespec t = { 0, ms * 1000000 };

	nanosleep(&t, NULL);
}

/* A socket on a port that the kernel chose; -1 if there is no such address here. */
static int open_client(const struct ip *ip)
{
	struct sockaddr_storage sa;
	const struct endpoint local = { *ip, 0 };
	socklen_t len = endpoint_to_sockaddr(&local, &sa);
	int fd = socket(sa.ss_family, SOCK_DGRAM, 0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&sa, len) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof(sa);
	struct endpoint ep;

	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	assert_int_equal(endpoint_from_sockaddr(&sa, &ep), 0);
	return ep.port;
}

static int start(void **state)
{
	(void)state;
	said[0] = '\0';
	table_init(&table, 3);
	address = table_ip("127.0.0.1");
	for (size_t i = 0; i < CLIENTS; i++) {
		clients[i] = open_client(&address);
		assert_true(clients[i] >= 0);
	}
	/* Free when they were looked for: the first two clients' ports, after those are closed. */
	conf = (struct front_conf){
		.addresses = &address,
		.n_addresses = 1,
		.workers = 2,
		.port_ike = port_of(clients[0]),
		.port_natt = port_of(clients[1]),
	};
	for (size_t i = 0; i < 2; i++) {
		close(clients[i]);
		clients[i] = open_client(&address);
		assert_true(clients[i] >= 0);
	}
	return 0;
}

static int stop(void **state)
{
	(void)state;
	front_stop(front);
	front = NULL;
	for (size_t i = 0; i < CLIENTS; i++)
		close(clients[i]);
	return 0;
}

static void start_front(void)
{
	int err = front_start(&conf, &lg, &front);

	if (err != 0)
		fail_msg("front_start: %s: %s", err_text(err), said);
}

/* Workers take a table at their next wake-up: the answers show it. */
static void start_and_publish(void)
{
	start_front();
	assert_int_equal(front_publish(front, &table, &ring), 0);
	wait_ms(50);
}

static void send_to(int fd, const struct ip *to, uint16_t port, struct bytes datagram)
{
	struct sockaddr_storage sa;
	const struct endpoint remote = { *to, port };
	socklen_t len = endpoint_to_sockaddr(&remote, &sa);

	assert_int_equal(
	    sendto(fd, datagram.ptr, datagram.len, 0, (const struct sockaddr *)&sa, len),
	    datagram.len);
}

static void send_ike(size_t client, struct bytes datagram)
{
	send_to(clients[client % CLIENTS], &address, conf.port_ike, datagram);
}

/* The size of the next answer, which is from where it was asked; 0: none came in time. */
static size_t receive(int fd, uint16_t port, uint8_t *buf, size_t cap, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct sockaddr_storage sa = { 0 };
	socklen_t sa_len = sizeof(sa);
	struct endpoint from;
	ssize_t len;

	if (poll(&p, 1, timeout_ms) != 1)
		return 0;
	len = recvfrom(fd, buf, cap, 0, (struct sockaddr *)&sa, &sa_len);
	assert_true(len > 0);
	assert_int_equal(endpoint_from_sockaddr(&sa, &from), 0);
	assert_true(ip_is_equal(&from.ip, &address));
	assert_int_equal(from.port, port);
	return (size_t)len;
}

/* How many answers all clients get to IKE port, until each has waited in vain. */
static size_t count_answers(int timeout_ms)
{
	uint8_t buf[REDIRECT_ANSWER_MAX + 1];
	size_t n = 0;

	for (size_t i = 0; i < CLIENTS; i++) {
		while (receive(clients[i], conf.port_ike, buf, sizeof(buf), timeout_ms) > 0)
			n++;
	}
	return n;
}

static uint64_t total_placed(const struct front_counters *c)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < PLACEMENT_MAX_MEMBERS; i++)
		sum += c->placed[i];
	return sum;
}

/* Waits until that many datagrams were received and judged. */
static struct front_counters wait_for(uint64_t received)
{
	struct front_counters c;

	for (int i = 0; i < DEADLINE_MS; i++) {
		uint64_t judged = 0;

		front_read_counters(front, &c);
		for (size_t v = 0; v < FRONT_SEND_FAILED; v++)
			judged += c.verdicts[v];
		if (c.received >= received && judged >= received)
			break;
		wait_ms(1);
	}
	assert_int_equal(c.received, received);
	return c;
}

static const struct bytes init = { capture_init, sizeof(capture_init) };
static const struct bytes resume = { capture_resume, sizeof(capture_resume) };

static void check_answer(bool is_natt, struct bytes request, struct bytes answer)
{
	struct redirect_case c = { &table, address, is_natt, request, FRONT_REDIRECTED, answer, 0 };
	const char *wrong = "";

	for (c.member = 0; c.member < table.n_members && wrong != NULL; c.member++)
		wrong = redirect_check(&c);
	if (wrong != NULL)
		fail_msg("%s", wrong);
}

static void test_answers(void **state)
{
	uint8_t marked[MARKER_SIZE + sizeof(capture_init)] = { 0 }, buf[1024];
	struct bytes natt = { marked, sizeof(marked) };
	struct front_counters c;
	size_t len;

	(void)state;
	start_and_publish();
	memcpy(marked + MARKER_SIZE, capture_init, sizeof(capture_init));
	for (size_t i = 0; i < CLIENTS; i++) {
		send_ike(i, init);
		len = receive(clients[i], conf.port_ike, buf, sizeof(buf), DEADLINE_MS);
		check_answer(false, init, (struct bytes){ buf, len });
		send_to(clients[i], &address, conf.port_natt, natt);
		len = receive(clients[i], conf.port_natt, buf, sizeof(buf), DEADLINE_MS);
		check_answer(true, natt, (struct bytes){ buf, len });
		send_ike(i, resume);
		assert_int_equal(receive(clients[i], conf.port_ike, buf, sizeof(buf), DEADLINE_MS),
				 36);
		send_ike(i, natt);
		send_ike(i, (struct bytes){ capture_init, 100 });
	}
	c = wait_for(5 * CLIENTS);
	assert_int_equal(c.verdicts[FRONT_REDIRECTED], 2 * CLIENTS);
	assert_int_equal(c.verdicts[FRONT_NACKED], CLIENTS);
	assert_int_equal(c.verdicts[FRONT_NOT_IKE], 2 * CLIENTS);
	assert_int_equal(total_placed(&c), 2 * CLIENTS);
	assert_int_equal(count_answers(20), 0);
}

static void test_nothing_before_the_first_table(void **state)
{
	struct front_counters c;

	(void)state;
	start_front();
	send_ike(0, init);
	c = wait_for(1);
	assert_int_equal(c.verdicts[FRONT_NO_MEMBER], 1);
	assert_int_equal(count_answers(20), 0);
}

/* More than a batch at once, and longer than any buffer. */
static void test_bursts(void **state)
{
	static const uint8_t huge[9000];
	struct front_counters c;

	(void)state;
	start_and_publish();
	for (size_t i = 0; i < 400; i++)
		send_ike(i, init);
	send_ike(0, (struct bytes){ huge, sizeof(huge) });
	assert_int_equal(count_answers(200), 400);
	c = wait_for(401);
	assert_int_equal(c.verdicts[FRONT_REDIRECTED], 400);
	assert_int_equal(c.verdicts[FRONT_NOT_IKE], 1);
}

static void test_tables_change_under_load(void **state)
{
	struct front_counters c;

	(void)state;
	start_and_publish();
	for (size_t i = 0; i < 2000; i++) {
		table.members[i % 3].is_open = i % 2 == 0;
		table.members[i % 3].load = (double)(i % 90) / 100;
		if (i % 4 == 0)
			assert_int_equal(front_publish(front, &table, &ring), 0);
		if (i % 100 == 0)
			front_read_counters(front, &c);
		send_ike(i, init);
		if (i % 40 == 39)
			wait_ms(1);
	}
	c = wait_for(2000);
	assert_int_equal(c.verdicts[FRONT_REDIRECTED] + c.verdicts[FRONT_NO_MEMBER], 2000);
	assert_int_equal(total_placed(&c), c.verdicts[FRONT_REDIRECTED]);
	/* The last one holds. */
	table_init(&table, 3);
	table.members[0].is_open = table.members[1].is_open = false;
	assert_int_equal(front_publish(front, &table, &ring), 0);
	wait_ms(50);
	front_read_counters(front, &c);
	uint64_t before = c.placed[2];
	for (size_t i = 0; i < 100; i++)
		send_ike(i, init);
	c = wait_for(2100);
	assert_int_equal(c.placed[2] - before, 100);
}

/* What was published is a copy: the main thread may change its own. */
static void test_the_table_is_copied(void **state)
{
	const struct bytes redirected = { capture_redirected, sizeof(capture_redirected) };
	struct front_counters c;

	(void)state;
	start_and_publish();
	for (size_t i = 0; i < table.n_members; i++)
		table.members[i].home[0] = table_ip("192.0.2.10"); /* where it came from */
	for (size_t i = 0; i < 10; i++)
		send_ike(i, redirected);
	c = wait_for(10);
	assert_int_equal(c.verdicts[FRONT_REDIRECTED], 10);
}

/* Workers share the limit; garbage costs nothing. */
static void test_rate_limit(void **state)
{
	struct front_counters c;

	(void)state;
	conf.workers = 1;
	conf.rate_per_second = 1;
	conf.rate_burst = 10;
	start_and_publish();
	for (size_t i = 0; i < 40; i++) {
		send_ike(i, (struct bytes){ capture_init, 100 });
		if (i % 2 == 0)
			send_ike(i, init);
	}
	c = wait_for(60);
	assert_in_range(c.verdicts[FRONT_REDIRECTED], 10, 11);
	assert_int_equal(c.verdicts[FRONT_NOT_IKE], 40);
	assert_int_equal(c.verdicts[FRONT_REDIRECTED] + c.verdicts[FRONT_RATE_LIMITED], 20);
	assert_int_equal(total_placed(&c), c.verdicts[FRONT_REDIRECTED]);
	assert_int_equal(count_answers(20), c.verdicts[FRONT_REDIRECTED]);
}

/* A UDP datagram from port 0, which no socket would send; -1 without the right to. */
static int send_from_port_0(const uint8_t *payload, size_t len)
{
	uint8_t packet[8 + sizeof(capture_init)] = { 0 };
	struct sockaddr_storage sa;
	const struct endpoint remote = { address, 0 };
	socklen_t sa_len = endpoint_to_sockaddr(&remote, &sa);
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
	ssize_t sent;

	if (fd < 0)
		return -1;
	packet[2] = (uint8_t)(conf.port_ike >> 8);
	packet[3] = (uint8_t)conf.port_ike;
	packet[4] = (uint8_t)((8 + len) >> 8);
	packet[5] = (uint8_t)(8 + len);
	memcpy(packet + 8, payload, len);
	sent = sendto(fd, packet, 8 + len, 0, (struct sockaddr *)&sa, sa_len);
	close(fd);
	return sent == (ssize_t)(8 + len) ? 0 : -1;
}

/* An answer that cannot be sent takes no other one of its batch with it. */
static void test_forged_sources(void **state)
{
	struct front_counters c;

	(void)state;
	conf.workers = 1;
	start_and_publish();
	for (size_t i = 0; i < 200; i++) {
		if (i % 2 == 0)
			send_ike(i, init);
		else if (send_from_port_0(capture_init, sizeof(capture_init)) != 0)
			skip();
	}
	c = wait_for(200);
	assert_int_equal(count_answers(100), 100);
	front_read_counters(front, &c);
	assert_int_equal(c.verdicts[FRONT_SEND_FAILED], 100);
}

static void test_ipv6(void **state)
{
	uint8_t buf[REDIRECT_ANSWER_MAX];
	struct front_counters c;
	int fd;

	(void)state;
	address = table_ip("::1");
	fd = open_client(&address);
	if (fd < 0)
		skip();
	start_and_publish();
	send_to(fd, &address, conf.port_ike, init);
	assert_int_equal(receive(fd, conf.port_ike, buf, sizeof(buf), DEADLINE_MS), 86);
	c = wait_for(1);
	assert_int_equal(c.verdicts[FRONT_REDIRECTED], 1);
	close(fd);
}

static void test_starts_and_stops(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		conf.workers = i % 4;
		start_front();
		if (i % 2 == 0)
			assert_int_equal(front_publish(front, &table, &ring), 0);
		send_ike(i, init);
		front_stop(front);
		front = NULL;
	}
	front_stop(NULL);
}

static void expect_refused(int want, const char *words)
{
	said[0] = '\0';
	assert_int_equal(front_start(&conf, &lg, &front), want);
	assert_null(front);
	assert_non_null(strstr(said, words));
}

static void test_addresses_that_do_not_work(void **state)
{
	struct ip addresses[2] = { table_ip("127.0.0.1"), table_ip("203.0.113.77") };
	uint16_t free_port = conf.port_natt;

	(void)state;
	conf.addresses = addresses;
	conf.n_addresses = 2;
	expect_refused(ERR_IO, "203.0.113.77");
	addresses[1] = table_ip("0.0.0.0");
	expect_refused(ERR_VALUE, "0.0.0.0");
	addresses[1] = table_ip("::");
	expect_refused(ERR_VALUE, "::");
	conf.n_addresses = 1;
	conf.port_natt = port_of(clients[3]);
	expect_refused(ERR_IO, "another");
	/* Nothing of the failed attempts is left. */
	conf.port_natt = free_port;
	start_and_publish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, start, stop),
		cmocka_unit_test_setup_teardown(test_nothing_before_the_first_table, start, stop),
		cmocka_unit_test_setup_teardown(test_bursts, start, stop),
		cmocka_unit_test_setup_teardown(test_tables_change_under_load, start, stop),
		cmocka_unit_test_setup_teardown(test_the_table_is_copied, start, stop),
		cmocka_unit_test_setup_teardown(test_rate_limit, start, stop),
		cmocka_unit_test_setup_teardown(test_forged_sources, start, stop),
		cmocka_unit_test_setup_teardown(test_ipv6, start, stop),
		cmocka_unit_test_setup_teardown(test_starts_and_stops, start, stop),
		cmocka_unit_test_setup_teardown(test_addresses_that_do_not_work, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
