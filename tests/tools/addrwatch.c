/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/if_ether.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "common/mesh/mesh.h"
#include "tests/lib/captures.h"

/*
 * addrwatch LINK KINDS INTERVAL_MS ADDRESS...: who answers for IPv4 addresses, as a host on LINK
 * sees it, until it is killed. Each INTERVAL_MS every address is asked in each of the KINDS:
 *
 *   i  IKE: strongSwan's IKE_SA_INIT to UDP port 500, through the kernel and so with what its ARP
 *      table says; only an agent answers
 *   p  ICMP echo ("ping"), likewise; a kernel answers
 *   a  ARP
 *
 * Prints a line for each change and for what is announced. Times are CLOCK_MONOTONIC in
 * microseconds, taken by the kernel when the frame arrived:
 *
 *   TIME answer KIND ADDRESS MAC      the first after silence, or the first from another MAC
 *   TIME silent KIND ADDRESS LAST     no answer since the time LAST
 *   TIME announced ADDRESS MAC        a gratuitous ARP
 *   TIME probed ADDRESS MAC           an ARP probe (RFC 5227), as it comes before a claim
 *   TIME notice ADDRESS NUMBER EPOCH MAC   a claim notice, not verified
 *   TIME late MS                      it did not run itself for so long: mistrust it
 */
#define ADDRESSES_MAX  16
#define SILENT_US      25000
#define LATE_US        20000
#define FRAME_MAX      2048
#define IKE_PORT       500
#define IKE_HEADER     28
#define IP_HEADER      20
#define UDP_HEADER     8
#define ICMP_ECHO      8
#define ICMP_ECHOREPLY 0
#define SPI_SIZE       8
#define FRAGMENT       0x3fff /* more fragments, or an offset */
#define KINDS          3

static const char kind_letters[KINDS + 1] = "ipa";
static const char *const kind_names[KINDS] = { "ike", "ping", "arp" };
enum kind {
	KIND_IKE,
	KIND_PING,
	KIND_ARP,
};

struct track {
	bool is_answering;
	uint64_t last_us;
	uint8_t mac[ETH_ALEN];
};

struct watched {
	struct in_addr ip;
	char text[INET_ADDRSTRLEN];
	struct track tracks[KINDS];
};

struct watch {
	bool is_asked[KINDS];
	int frames, udp, icmp, timer;
	int ifindex;
	uint8_t mac[ETH_ALEN];
	struct in_addr ip;
	size_t n;
	struct watched addresses[ADDRESSES_MAX];
	uint8_t init[sizeof(capture_init)];
	uint16_t echo_id;
	uint64_t ticked_us;
};

static uint64_t us_of(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * 1000000 + (uint64_t)t->tv_nsec / 1000;
}

static uint64_t now_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return us_of(&now);
}

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "addrwatch: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void say(uint64_t at_us, const char *what, const char *kind, const struct watched *a)
{
	printf("%" PRIu64 " %s%s%s %s", at_us, what, kind[0] != '\0' ? " " : "", kind, a->text);
}

static void say_mac(const uint8_t mac[ETH_ALEN])
{
	printf(" %02x:%02x:%02x:%02x:%02x:%02x\n", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

/* ---- asking ------------------------------------------------------------------ */

static void ask_ike(struct watch *w, const struct watched *a)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(IKE_PORT),
				  .sin_addr = a->ip };

	(void)sendto(w->udp, w->init, sizeof(w->init), MSG_DONTWAIT, (struct sockaddr *)&to,
		     sizeof(to));
}

static uint16_t checksum(const void *data, size_t size)
{
	const uint8_t *octets = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < size; i += 2)
		sum += (uint32_t)(octets[i] << 8 | octets[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t) ~((sum & 0xffff) + (sum >> 16)));
}

static void ask_ping(struct watch *w, const struct watched *a)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = a->ip };
	uint8_t echo[8] = { ICMP_ECHO };
	uint16_t sum;

	memcpy(echo + 4, &w->echo_id, sizeof(w->echo_id));
	sum = checksum(echo, sizeof(echo));
	memcpy(echo + 2, &sum, sizeof(sum));
	(void)sendto(w->icmp, echo, sizeof(echo), MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to));
}

static void ask_arp(struct watch *w, const struct watched *a)
{
	struct {
		struct ether_header ether;
		struct ether_arp arp;
	} __attribute__((packed)) frame = { 0 };
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_ifindex = w->ifindex,
				  .sll_halen = ETH_ALEN };

	memset(frame.ether.ether_dhost, 0xff, ETH_ALEN);
	memset(to.sll_addr, 0xff, ETH_ALEN);
	memcpy(frame.ether.ether_shost, w->mac, ETH_ALEN);
	frame.ether.ether_type = htons(ETHERTYPE_ARP);
	frame.arp.arp_hrd = htons(ARPHRD_ETHER);
	frame.arp.arp_pro = htons(ETHERTYPE_IP);
	frame.arp.arp_hln = ETH_ALEN;
	frame.arp.arp_pln = sizeof(a->ip);
	frame.arp.arp_op = htons(ARPOP_REQUEST);
	memcpy(frame.arp.arp_sha, w->mac, ETH_ALEN);
	memcpy(frame.arp.arp_spa, &w->ip, sizeof(w->ip));
	memcpy(frame.arp.arp_tpa, &a->ip, sizeof(a->ip));
	(void)sendto(w->frames, &frame, sizeof(frame), MSG_DONTWAIT, (struct sockaddr *)&to,
		     sizeof(to));
}

/* ---- hearing ----------------------------------------------------------------- */

static struct watched *find(struct watch *w, const void *ip)
{
	for (size_t i = 0; i < w->n; i++) {
		if (memcmp(&w->addresses[i].ip, ip, sizeof(struct in_addr)) == 0)
			return &w->addresses[i];
	}
	return NULL;
}

static void answered(struct watched *a, enum kind kind, uint64_t at_us, const uint8_t *mac)
{
	struct track *t = &a->tracks[kind];
	bool is_same = t->is_answering && memcmp(t->mac, mac, ETH_ALEN) == 0;

	t->is_answering = true;
	t->last_us = at_us;
	memcpy(t->mac, mac, ETH_ALEN);
	if (is_same)
		return;
	say(at_us, "answer", kind_names[kind], a);
	say_mac(mac);
}

static void hear_arp(struct watch *w, uint64_t at_us, const uint8_t *frame, size_t size)
{
	struct ether_arp arp;
	struct watched *a;
	static const uint8_t nobody[4];

	if (size < ETH_HLEN + sizeof(arp))
		return;
	memcpy(&arp, frame + ETH_HLEN, sizeof(arp));
	a = find(w, arp.arp_spa);
	if (a != NULL && memcmp(arp.arp_spa, arp.arp_tpa, sizeof(arp.arp_tpa)) == 0) {
		say(at_us, "announced", "", a);
		say_mac(arp.arp_sha);
	} else if (a != NULL && arp.arp_op == htons(ARPOP_REPLY) &&
		   memcmp(arp.arp_tpa, &w->ip, sizeof(w->ip)) == 0) {
		answered(a, KIND_ARP, at_us, arp.arp_sha);
	} else if (memcmp(arp.arp_spa, nobody, sizeof(nobody)) == 0) {
		a = find(w, arp.arp_tpa);
		if (a != NULL) {
			say(at_us, "probed", "", a);
			say_mac(arp.arp_sha);
		}
	}
}

/* The format is described in common/mesh/mesh.h. We have no key to verify it. */
static void hear_mesh(struct watch *w, uint64_t at_us, const uint8_t *m, size_t size,
		      const uint8_t *mac)
{
	struct watched *a;
	uint64_t epoch = 0;

	if (size != MESH_SIZE || memcmp(m, "WPM\1", 4) != 0 || m[4] != MESH_NOTICE || m[6] != 4)
		return;
	a = find(w, m + 40);
	if (a == NULL)
		return;
	for (size_t i = 16; i < 24; i++)
		epoch = epoch << 8 | m[i];
	say(at_us, "notice", "", a);
	printf(" %u %" PRIu64, m[5], epoch);
	say_mac(mac);
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* data: what follows the IP header. */
static void hear_udp(struct watch *w, uint64_t at_us, struct watched *from, const uint8_t *data,
		     size_t size, const uint8_t *mac)
{
	if (size < UDP_HEADER)
		return;
	if (get16(data + 2) == MESH_PORT)
		hear_mesh(w, at_us, data + UDP_HEADER, size - UDP_HEADER, mac);
	else if (from != NULL && get16(data) == IKE_PORT && size >= UDP_HEADER + IKE_HEADER &&
		 memcmp(data + UDP_HEADER, w->init, SPI_SIZE) == 0)
		answered(from, KIND_IKE, at_us, mac);
}

static void hear_ip(struct watch *w, uint64_t at_us, const uint8_t *frame, size_t size)
{
	const uint8_t *ip = frame + ETH_HLEN, *mac = frame + ETH_ALEN;
	size_t header, total;
	struct watched *from;

	if (size < ETH_HLEN + IP_HEADER)
		return;
	header = (size_t)(ip[0] & 0xf) * 4;
	total = get16(ip + 2); /* padding may follow */
	if (ip[0] >> 4 != 4 || header < IP_HEADER || total < header || total > size - ETH_HLEN ||
	    (get16(ip + 6) & FRAGMENT) != 0)
		return;
	from = find(w, ip + 12);
	if (ip[9] == IPPROTO_UDP)
		hear_udp(w, at_us, from, ip + header, total - header, mac);
	else if (ip[9] == IPPROTO_ICMP && from != NULL && total > header &&
		 ip[header] == ICMP_ECHOREPLY && memcmp(ip + 16, &w->ip, sizeof(w->ip)) == 0)
		answered(from, KIND_PING, at_us, mac);
}

/* When the kernel had the frame, on our clock. */
static uint64_t arrival_us(struct msghdr *msg)
{
	uint64_t now = now_us(CLOCK_MONOTONIC), wall = now_us(CLOCK_REALTIME);
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	struct timespec at;

	if (c == NULL || c->cmsg_type != SO_TIMESTAMPNS)
		return now;
	memcpy(&at, CMSG_DATA(c), sizeof(at));
	return now - (wall > us_of(&at) ? wall - us_of(&at) : 0);
}

static void hear_frames(struct watch *w)
{
	uint8_t frame[FRAME_MAX], control[64];
	struct iovec iov = { frame, sizeof(frame) };

	for (;;) {
		struct msghdr msg = { .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = control,
				      .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(w->frames, &msg, MSG_DONTWAIT);
		uint16_t type;

		if (n < 0)
			return;
		if (n < ETH_HLEN)
			continue;
		memcpy(&type, frame + 2 * ETH_ALEN, sizeof(type));
		if (type == htons(ETHERTYPE_ARP))
			hear_arp(w, arrival_us(&msg), frame, (size_t)n);
		else if (type == htons(ETHERTYPE_IP))
			hear_ip(w, arrival_us(&msg), frame, (size_t)n);
	}
}

/* ---- time -------------------------------------------------------------------- */

static void note_silence(struct watch *w, uint64_t now)
{
	for (size_t i = 0; i < w->n * KINDS; i++) {
		struct watched *a = &w->addresses[i / KINDS];
		struct track *t = &a->tracks[i % KINDS];

		if (!t->is_answering || now < t->last_us + SILENT_US)
			continue;
		t->is_answering = false;
		say(now, "silent", kind_names[i % KINDS], a);
		printf(" %" PRIu64 "\n", t->last_us);
	}
}

static void drain(int fd)
{
	uint8_t octets[FRAME_MAX];

	/* What came is taken from the frames; an error is an ICMP message: nobody is there. */
	while (recv(fd, octets, sizeof(octets), MSG_DONTWAIT) >= 0)
		;
}

static void tick(struct watch *w)
{
	uint64_t now = now_us(CLOCK_MONOTONIC), times;

	if (read(w->timer, &times, sizeof(times)) != (ssize_t)sizeof(times))
		return;
	if (w->ticked_us != 0 && now > w->ticked_us + LATE_US)
		printf("%" PRIu64 " late %" PRIu64 "\n", now, (now - w->ticked_us) / 1000);
	w->ticked_us = now;
	note_silence(w, now);
	for (size_t i = 0; i < w->n; i++) {
		if (w->is_asked[KIND_IKE])
			ask_ike(w, &w->addresses[i]);
		if (w->is_asked[KIND_PING])
			ask_ping(w, &w->addresses[i]);
		if (w->is_asked[KIND_ARP])
			ask_arp(w, &w->addresses[i]);
	}
	drain(w->udp);
	drain(w->icmp);
}

/* ---- start ------------------------------------------------------------------- */

static void open_frames(struct watch *w, const char *link)
{
	struct sockaddr_ll here = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct ifreq req = { 0 };
	int on = 1, size = 4 << 20;

	w->frames = socket(AF_PACKET, SOCK_RAW, 0);
	if (w->frames < 0)
		fail("packet socket");
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", link);
	if (ioctl(w->frames, SIOCGIFHWADDR, &req) != 0)
		fail(link);
	memcpy(w->mac, req.ifr_hwaddr.sa_data, ETH_ALEN);
	if (ioctl(w->frames, SIOCGIFINDEX, &req) != 0)
		fail(link);
	w->ifindex = req.ifr_ifindex;
	here.sll_ifindex = w->ifindex;
	if (ioctl(w->udp, SIOCGIFADDR, &req) != 0)
		fail("address of the link");
	w->ip = ((struct sockaddr_in *)(void *)&req.ifr_addr)->sin_addr;
	(void)setsockopt(w->frames, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (setsockopt(w->frames, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) != 0 ||
	    setsockopt(w->frames, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) != 0)
		fail("socket option");
	if (bind(w->frames, (struct sockaddr *)&here, sizeof(here)) != 0)
		fail("bind");
}

static void start_timer(struct watch *w, long interval_ms)
{
	struct timespec step = { interval_ms / 1000, interval_ms % 1000 * 1000000 };
	struct itimerspec spec = { step, step };

	w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	if (w->timer < 0 || timerfd_settime(w->timer, 0, &spec, NULL) != 0)
		fail("timer");
}

static void add_address(struct watch *w, const char *text)
{
	struct watched *a = &w->addresses[w->n];

	if (w->n == ADDRESSES_MAX || inet_pton(AF_INET, text, &a->ip) != 1) {
		fprintf(stderr, "addrwatch: %s: no IPv4 address, or too many\n", text);
		exit(2);
	}
	snprintf(a->text, sizeof(a->text), "%s", text);
	w->n++;
}

int main(int argc, char **argv)
{
	static struct watch w;
	uint64_t spi;

	if (argc < 5) {
		fprintf(stderr, "usage: addrwatch LINK [i][p][a] INTERVAL_MS ADDRESS...\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t k = 0; k < KINDS; k++)
		w.is_asked[k] = strchr(argv[2], kind_letters[k]) != NULL;
	for (int i = 4; i < argc; i++)
		add_address(&w, argv[i]);
	w.udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	w.icmp = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_ICMP);
	if (w.udp < 0 || w.icmp < 0)
		fail("socket");
	open_frames(&w, argv[1]);
	/* An SPI of our own: no member has seen it before. */
	memcpy(w.init, capture_init, sizeof(w.init));
	spi = now_us(CLOCK_REALTIME) << 8 | 1;
	memcpy(w.init, &spi, SPI_SIZE);
	w.echo_id = htons((uint16_t)getpid());
	start_timer(&w, atol(argv[3]));
	printf("%" PRIu64 " ready\n", now_us(CLOCK_MONOTONIC));
	for (;;) {
		struct pollfd fds[] = { { .fd = w.frames, .events = POLLIN },
					{ .fd = w.timer, .events = POLLIN } };

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			fail("poll");
		hear_frames(&w);
		tick(&w);
	}
}
