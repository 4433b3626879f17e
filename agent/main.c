/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "common/base/version.h"
#include "common/conf/cmdline.h"
#include "common/esp/tun/tun.h"
#include "common/io/privileges.h"
#include "common/io/sd_notify.h"
#include "common/io/signals.h"

/*
 * waypost-agent: what needs root is done first and in this order (keys, device, sockets, keeper),
 * then main gives up everything, and only then looks at the network. The keeper is last because it
 * begins by taking away what an earlier one left behind: with device and sockets in our hands, that
 * cannot be what another agent is using.
 */
static const struct cmdline_spec spec = {
	.program = "waypost-agent",
	.purpose = "Member of a Waypost cluster: IKEv2 responder, ESP and service addresses.",
	.config = "/etc/waypost/agent.yaml",
	.state_dir = "/var/lib/waypost-agent",
};

struct program {
	struct cmdline cmdline;
	struct agent_conf *conf;
	struct setup *setup;
	struct tls_ctx *tls;
	struct logger lg;
	struct agent_resources res;
	int keeper_fd;
	uv_loop_t loop;
	struct signals signals;
	struct agent *agent;
};

static void on_signal(void *ctx, int signal)
{
	struct program *p = ctx;

	if (signal == SIGHUP) {
		log_warn(&p->lg, LG_MAIN,
			 "SIGHUP: this version cannot reload, restart to read the configuration");
		return;
	}
	if (sd_notify_stopping() != 0)
		log_debug(&p->lg, LG_MAIN, "the service manager does not listen");
	agent_stop(p->agent, strsignal(signal));
}

/* Forwarding is the operator's decision: said, not done. */
static void warn_if_not_forwarding(const struct logger *lg)
{
	FILE *f = fopen("/proc/sys/net/ipv4/ip_forward", "re");

	if (f == NULL)
		return;
	if (fgetc(f) == '0')
		log_warn(lg, LG_MAIN,
			 "net.ipv4.ip_forward is 0: nothing passes between peers and the protected "
			 "network; sysctl -w net.ipv4.ip_forward=1");
	fclose(f);
}

/* What takes root. */
static int acquire(struct program *p, struct errtext *why)
{
	struct keeper_process keeper;
	char text[KEEPER_TEXT_MAX];
	int err;

	if ((err = state_dir_prepare(p->cmdline.state_dir, p->conf->run_as, why)) != 0 ||
	    (err = tun_open(p->conf->tun_device, (uint16_t)p->conf->tun_mtu, &p->res.tun_fd,
			    why)) != 0 ||
	    (err = agent_new(&p->loop, &p->res, &p->agent, why)) != 0)
		return err;
	if (snprintf(p->setup->keeper.lock, KEEPER_PATH_MAX, "%s/keeper.lock",
		     p->cmdline.state_dir) >= KEEPER_PATH_MAX) {
		errtext_set(why, "the state folder's name is too long");
		return ERR_CONFIG;
	}
	err = keeper_start(&p->setup->keeper, &keeper, text);
	if (err != 0) {
		errtext_set(why, "%s", text);
		return err;
	}
	p->keeper_fd = keeper.fd;
	return 0;
}

static int load_tls(struct program *p, struct errtext *why)
{
	const struct tls_files files = { p->conf->tls.ca, p->conf->tls.certificate,
					 p->conf->tls.key };
	const struct pki_identity *self;
	int err = tls_ctx_new_client(&files, "waypost/1", &p->tls, why);

	/* Trying again would not help: the operator named these files. */
	if (err != 0)
		return err == ERR_NO_MEMORY ? err : ERR_CONFIG;
	self = tls_ctx_identity(p->tls);
	if (self->kind != PKI_MEMBER || strcmp(self->name, p->conf->member) != 0) {
		char text[PKI_URI_MAX];

		errtext_set(why, "%s is the certificate of %s, not of waypost:member:%s",
			    files.certificate, pki_identity_format(self, text), p->conf->member);
		return ERR_CONFIG;
	}
	p->res.tls = p->tls;
	return 0;
}

static int start(struct program *p, struct errtext *why)
{
	int err;

	if ((err = setup_new(p->conf, &p->setup, why)) != 0 || (err = load_tls(p, why)) != 0)
		return err;
	p->res.setup = p->setup;
	p->res.conf = p->conf;
	p->res.lg = &p->lg;
	p->res.state_dir = p->cmdline.state_dir;
	warn_if_not_forwarding(&p->lg);
	if (uv_loop_init(&p->loop) != 0) {
		errtext_set(why, "no event loop");
		return ERR_IO;
	}
	if ((err = acquire(p, why)) != 0 ||
	    (err = privileges_drop(p->conf->run_as, NULL, 0, why)) != 0)
		return err;
	errtext_set(why, "cannot listen to signals");
	if ((err = signals_start(&p->signals, &p->loop, on_signal, p)) != 0)
		return err;
	return agent_start(p->agent, p->keeper_fd, why);
}

static int run(struct program *p)
{
	struct errtext why = { "cannot start" };
	int err;

	p->lg = log_stderr(p->cmdline.has_log_level ? p->cmdline.log_level : p->conf->log.level,
			   p->conf->member);
	log_info(&p->lg, LG_MAIN, "waypost-agent %s", waypost_version);
	if (geteuid() != 0) {
		log_error(&p->lg, LG_MAIN,
			  "has to be started as root: its main process becomes "
			  "'%s', its keeper keeps CAP_NET_ADMIN and CAP_NET_RAW",
			  p->conf->run_as);
		return EXIT_FAILED;
	}
	err = start(p, &why);
	if (err != 0) {
		log_error(&p->lg, LG_MAIN, "%s", why.text);
		return err == ERR_CONFIG ? EXIT_USAGE : EXIT_FAILED;
	}
	if (sd_notify_ready("waiting for a director") != 0)
		log_debug(&p->lg, LG_MAIN, "the service manager does not listen");
	uv_run(&p->loop, UV_RUN_DEFAULT);
	signals_stop(&p->signals);
	uv_run(&p->loop, UV_RUN_DEFAULT);
	err = agent_free(p->agent);
	uv_loop_close(&p->loop);
	log_info(&p->lg, LG_MAIN, "ended%s%s", err != 0 ? ": " : "", err != 0 ? err_text(err) : "");
	return err != 0 ? EXIT_FAILED : EXIT_DONE;
}

/* The files, and what only shows when they are put together. */
static int check(struct program *p)
{
	struct errtext why = { "" };

	if (setup_new(p->conf, &p->setup, &why) != 0) {
		fprintf(stderr, "%s: %s\n", p->cmdline.config, why.text);
		return EXIT_USAGE;
	}
	printf("%s: ok\n", p->cmdline.config);
	return EXIT_DONE;
}

static int load_and_run(struct program *p)
{
	struct conf_errors errors = conf_errors_to_stream(stderr);
	int code = EXIT_DONE;

	if (agent_conf_load(p->cmdline.config, &errors, &p->conf) != 0 || p->conf == NULL)
		return EXIT_USAGE;
	if (p->cmdline.mode == CMDLINE_RUN)
		code = run(p);
	else if (p->cmdline.mode == CMDLINE_CHECK)
		code = check(p);
	else if (agent_conf_dump(p->conf, stdout) != 0)
		code = EXIT_FAILED;
	tls_ctx_free(p->tls);
	setup_free(p->setup);
	agent_conf_free(p->conf);
	return code;
}

int main(int argc, char **argv)
{
	static struct program program = { .res = { .tun_fd = -1 }, .keeper_fd = -1 };
	int code;

	if (!cmdline_parse(&spec, argc, argv, &program.cmdline, &code))
		return code;
	return load_and_run(&program);
}
