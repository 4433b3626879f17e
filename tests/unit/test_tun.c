/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/ip.h"
#include "common/esp/tun/tun.h"
#include "tests/lib/inner.h"

/*
 * The device in a network namespace of this process, which takes root: skipped otherwise. The
 * host's side is 10.9.0.1 on the device, what is sent to 10.9.0.2 comes out of the descriptor.
 */
#define NAME  "waypost0"
#define HOST  "10.9.0.1"
#define OTHER "10.9.0.2"
#define PORT  2000

static const char *no_tun; /* why the tests are skipped, NULL: they are not */

static int enter_namespace(void **state)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	(void)state;
	if (fd < 0)
		no_tun = "/dev/net/tun cannot be opened";
	else
		close(fd);
	if (no_tun == NULL && unshare(CLONE_NEWNET) != 0)
		no_tun = "no permission to make a network namespace";
	return 0;
}

static void need_tun(void)
{
	if (no_tun != NULL) {
		print_message("skipped: %s\n", no_tun);
		skip();
	}
}

static int open_device(void)
{
	struct errtext why = { "" };
	int fd = -1, err = tun_open(NAME, 1400, &fd, &why);

	if (err != 0)
		fail_msg("%d: %s", err, why.text);
	return fd;
}

static void set_address(unsigned long request, const char *address)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_name = NAME };
	struct endpoint ep = { .port = 0 };
	struct sockaddr_storage sa;

	assert_int_equal(ip_parse(address, &ep.ip), 0);
	endpoint_to_sockaddr(&ep, &sa);
	memcpy(&ifr.ifr_addr, &sa, sizeof(ifr.ifr_addr));
	assert_int_equal(ioctl(sock, request, &ifr), 0);
	close(sock);
}

static int host_socket(void)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct endpoint ep = { .port = PORT };
	struct sockaddr_storage sa;
	socklen_t len;

	assert_int_equal(ip_parse(HOST, &ep.ip), 0);
	len = endpoint_to_sockaddr(&ep, &sa);
	assert_int_equal(bind(sock, (struct sockaddr *)&sa, len), 0);
	return sock;
}

static void send_to_other(int sock, size_t n)
{
	struct endpoint ep = { .port = 9 };
	struct sockaddr_storage sa;
	socklen_t len;

	assert_int_equal(ip_parse(OTHER, &ep.ip), 0);
	len = endpoint_to_sockaddr(&ep, &sa);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(sendto(sock, "hello", 5, 0, (struct sockaddr *)&sa, len), 5);
}

static void delete_device(void)
{
	uint8_t buf[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct mnl_socket *nl = mnl_socket_open(NETLINK_ROUTE);
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = RTM_DELLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = (int)if_nametoindex(NAME);
	assert_int_equal(mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID), 0);
	assert_true(mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) > 0);
	assert_true(mnl_socket_recvfrom(nl, buf, sizeof(buf)) > 0);
	mnl_socket_close(nl);
	assert_int_equal(if_nametoindex(NAME), 0);
}

static void test_device(void **state)
{
	struct ifreq ifr = { .ifr_name = NAME };
	struct errtext why = { "" };
	int fd, second = -1, sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)state;
	need_tun();
	fd = open_device();
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	assert_int_equal(ioctl(sock, SIOCGIFMTU, &ifr), 0);
	assert_int_equal(ifr.ifr_mtu, 1400);
	assert_int_equal(ioctl(sock, SIOCGIFFLAGS, &ifr), 0);
	assert_true((ifr.ifr_flags & IFF_UP) != 0);
	assert_int_equal(tun_open(NAME, 1400, &second, &why), ERR_EXISTS);
	assert_non_null(strstr(why.text, "ip link del " NAME));
	assert_int_equal(second, -1);
	close(sock);
	close(fd);
	assert_int_equal(if_nametoindex(NAME), 0);
}

static void test_refused(void **state)
{
	static const struct {
		const char *name;
		uint16_t mtu;
		int err;
	} cases[] = {
		{ "", 1400, ERR_VALUE },         { "tun%d", 1400, ERR_VALUE },
		{ "../x", 1400, ERR_VALUE },     { "a b", 1400, ERR_VALUE },
		{ "..", 1400, ERR_VALUE },       { "sixteen-octets-x", 1400, ERR_VALUE },
		{ "fifteen-octets-", 1400, 0 },  { NAME, 1, ERR_IO }, /* below IPv4's 68 */
		{ "fifteen-octets-", 65535, 0 },
	};

	(void)state;
	need_tun();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct errtext why = { "" };
		int fd = -1, err = tun_open(cases[i].name, cases[i].mtu, &fd, &why);

		if (err != cases[i].err)
			fail_msg("\"%s\": got %d (%s)", cases[i].name, err, why.text);
		assert_true((err == 0) == (fd >= 0));
		assert_true((err == 0) == (why.text[0] == '\0'));
		if (fd >= 0)
			close(fd);
		else if (err != ERR_VALUE)
			assert_int_equal(if_nametoindex(cases[i].name), 0);
	}
}

/* What the loop hears of. IPv6 packets, which the kernel sends of its own, are left out. */
struct heard {
	struct tun *tun;
	size_t packets, drained, lost, closed;
	size_t close_after; /* 0: never */
	size_t batch, batch_max;
	bool is_wrong;
};

static void on_closed(void *ctx)
{
	struct heard *h = ctx;

	h->closed++;
}

static void on_packet(void *ctx, struct bytes packet)
{
	static const uint8_t addresses[] = { 10, 9, 0, 1, 10, 9, 0, 2 };
	struct heard *h = ctx;

	if (++h->batch > h->batch_max)
		h->batch_max = h->batch;
	if (packet.ptr[0] >> 4 != 4)
		return;
	h->packets++;
	if (packet.len != 33 || memcmp(packet.ptr + 12, addresses, sizeof(addresses)) != 0 ||
	    memcmp(packet.ptr + 28, "hello", 5) != 0)
		h->is_wrong = true;
	if (h->packets == h->close_after)
		tun_close(h->tun, on_closed);
}

static void on_drained(void *ctx)
{
	struct heard *h = ctx;

	h->drained++;
	h->batch = 0;
}

static void on_lost(void *ctx)
{
	struct heard *h = ctx;

	h->lost++;
	tun_close(h->tun, on_closed);
}

static void on_deadline(uv_timer_t *timer)
{
	bool *is_late = timer->data;

	*is_late = true;
}

/* Runs until *count has reached want, at most 5 s. */
static void run_until(uv_loop_t *loop, const size_t *count, size_t want)
{
	bool is_late = false;
	uv_timer_t timer = { .data = &is_late };

	assert_int_equal(uv_timer_init(loop, &timer), 0);
	assert_int_equal(uv_timer_start(&timer, on_deadline, 5000, 0), 0);
	while (*count < want && !is_late)
		uv_run(loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(loop, UV_RUN_NOWAIT);
	if (*count < want)
		fail_msg("%zu instead of %zu after 5 s", *count, want);
}

static void start(struct heard *h, uv_loop_t *loop)
{
	const struct tun_events events = { on_packet, on_drained, on_lost, h };

	assert_int_equal(uv_loop_init(loop), 0);
	assert_int_equal(tun_start(loop, open_device(), &events, &h->tun), 0);
	set_address(SIOCSIFADDR, HOST);
	set_address(SIOCSIFNETMASK, "255.255.255.0");
}

static void test_traffic(void **state)
{
	struct heard h = { 0 };
	const struct tun_counters *counters;
	uint8_t buf[1500], got[1500];
	size_t len = inner_build_udp(OTHER, HOST, 1400, 7, buf, sizeof(buf));
	uv_loop_t loop;
	int sock;

	(void)state;
	need_tun();
	start(&h, &loop);
	counters = tun_counters(h.tun);
	sock = host_socket();
	send_to_other(sock, 200);
	run_until(&loop, &h.packets, 200);
	assert_false(h.is_wrong);
	assert_true(h.drained >= 4 && h.batch_max == TUN_BATCH);
	assert_true(counters->packets_read >= 200 && counters->octets_read >= 200 * 33);
	assert_int_equal(tun_write(h.tun, (struct bytes){ buf, len }), 0);
	assert_int_equal(recv(sock, got, sizeof(got), 0), 1400 - 28);
	assert_memory_equal(got, buf + 28, 1400 - 28);
	buf[0] = 0x55;
	assert_int_equal(tun_write(h.tun, (struct bytes){ buf, len }), ERR_IO);
	assert_int_equal(counters->packets_written, 1);
	assert_int_equal(counters->octets_written, 1400);
	assert_int_equal(counters->write_errors, 1);
	tun_close(h.tun, on_closed);
	tun_close(h.tun, on_closed);
	assert_int_equal(h.closed, 0);
	run_until(&loop, &h.closed, 1);
	assert_int_equal(h.closed, 1);
	assert_int_equal(if_nametoindex(NAME), 0);
	assert_int_equal(uv_loop_close(&loop), 0);
	close(sock);
}

/* Closing inside an event: no other event, although there is more to read. */
static void test_close_inside_event(void **state)
{
	struct heard h = { .close_after = 3 };
	uv_loop_t loop;
	int sock;

	(void)state;
	need_tun();
	start(&h, &loop);
	sock = host_socket();
	send_to_other(sock, 10);
	run_until(&loop, &h.closed, 1);
	assert_int_equal(h.packets, 3);
	assert_int_equal(h.lost, 0);
	assert_int_equal(uv_loop_close(&loop), 0);
	close(sock);
}

static void test_device_is_deleted(void **state)
{
	struct heard h = { 0 };
	uint8_t buf[100];
	size_t len = inner_build_udp(OTHER, HOST, 100, 7, buf, sizeof(buf));
	uv_loop_t loop;

	(void)state;
	need_tun();
	start(&h, &loop);
	delete_device();
	assert_int_equal(tun_write(h.tun, (struct bytes){ buf, len }), ERR_IO);
	assert_int_equal(tun_counters(h.tun)->write_errors, 1);
	run_until(&loop, &h.closed, 1);
	assert_int_equal(h.lost, 1);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_device),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_traffic),
		cmocka_unit_test(test_close_inside_event),
		cmocka_unit_test(test_device_is_deleted),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
