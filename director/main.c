/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/version.h"
#include "common/conf/cmdline.h"
#include "common/io/privileges.h"
#include "common/io/sd_notify.h"
#include "common/io/signals.h"
#include "director/director.h"

/*
 * waypost-director: started as root it reads its key, becomes an ordinary user that may bind low
 * ports, and only then opens sockets. Started by a service manager as such a user it does the same
 * without the change.
 */
static const struct cmdline_spec spec = {
	.program = "waypost-director",
	.purpose = "Director of a Waypost cluster: redirects IKEv2 peers to its members.",
	.config = "/etc/waypost/director.yaml",
	.state_dir = "/var/lib/waypost-director",
};

static const char *const protocols[] = { "waypost/1", "http/1.1", NULL };

struct program {
	struct cmdline cmdline;
	struct director_conf *conf;
	struct tls_ctx *tls;
	struct logger lg;
	uv_loop_t loop;
	struct signals signals;
	struct director *director;
};

static void on_signal(void *ctx, int signal)
{
	struct program *p = ctx;

	if (signal == SIGHUP) {
		log_warn(&p->lg, LG_MAIN,
			 "SIGHUP: this version cannot reload, restart to read the configuration");
		return;
	}
	log_info(&p->lg, LG_MAIN, "stopping: %s", strsignal(signal));
	if (sd_notify_stopping() != 0)
		log_debug(&p->lg, LG_MAIN, "the service manager does not listen");
	director_stop(p->director);
	signals_stop(&p->signals);
}

static int load_tls(struct program *p, struct errtext *why)
{
	const struct tls_files files = { p->conf->tls.ca, p->conf->tls.certificate,
					 p->conf->tls.key };
	const struct pki_identity *self;
	int err = tls_ctx_new_server(&files, protocols, &p->tls, why);

	/* Trying again would not help: the operator named these files. */
	if (err != 0)
		return err == ERR_NO_MEMORY ? err : ERR_CONFIG;
	self = tls_ctx_identity(p->tls);
	if (self->kind != PKI_DIRECTOR || strcmp(self->name, p->conf->name) != 0) {
		char text[PKI_URI_MAX];

		errtext_set(why, "%s is the certificate of %s, not of waypost:director:%s",
			    files.certificate, pki_identity_format(self, text), p->conf->name);
		return ERR_CONFIG;
	}
	return 0;
}

static int drop_privileges(struct program *p, struct errtext *why)
{
	static const int keep[] = { CAP_NET_BIND_SERVICE };
	bool is_root = geteuid() == 0;
	int err = state_dir_prepare(p->cmdline.state_dir, is_root ? p->conf->run_as : NULL, why);

	if (err != 0)
		return err;
	return is_root ? privileges_drop(p->conf->run_as, keep, 1, why) : privileges_harden(why);
}

static int start(struct program *p, struct errtext *why)
{
	struct director_resources res = {
		.conf = p->conf,
		.lg = &p->lg,
		.state_dir = p->cmdline.state_dir,
	};
	int err;

	if ((err = load_tls(p, why)) != 0 || (err = drop_privileges(p, why)) != 0)
		return err;
	res.tls = p->tls;
	if (uv_loop_init(&p->loop) != 0) {
		errtext_set(why, "no event loop");
		return ERR_IO;
	}
	err = director_new(&p->loop, &res, &p->director, why);
	if (err != 0)
		return err;
	errtext_set(why, "cannot listen to signals");
	return signals_start(&p->signals, &p->loop, on_signal, p);
}

static int run(struct program *p)
{
	struct errtext why = { "cannot start" };
	int err;

	p->lg = log_stderr(p->cmdline.has_log_level ? p->cmdline.log_level : p->conf->log.level,
			   p->conf->name);
	log_info(&p->lg, LG_MAIN, "waypost-director %s", waypost_version);
	err = start(p, &why);
	if (err != 0) {
		log_error(&p->lg, LG_MAIN, "%s", why.text);
		return err == ERR_CONFIG ? EXIT_USAGE : EXIT_FAILED;
	}
	log_info(&p->lg, LG_MAIN, "answering for cluster %s", p->conf->cluster);
	if (sd_notify_ready("answering") != 0)
		log_debug(&p->lg, LG_MAIN, "the service manager does not listen");
	uv_run(&p->loop, UV_RUN_DEFAULT);
	director_free(p->director);
	uv_loop_close(&p->loop);
	log_info(&p->lg, LG_MAIN, "ended");
	return EXIT_DONE;
}

static int load_and_run(struct program *p)
{
	struct conf_errors errors = conf_errors_to_stream(stderr);
	int code = EXIT_DONE;

	if (director_conf_load(p->cmdline.config, &errors, &p->conf) != 0)
		return EXIT_USAGE;
	if (p->cmdline.mode == CMDLINE_RUN)
		code = run(p);
	else if (p->cmdline.mode == CMDLINE_CHECK)
		printf("%s: ok\n", p->cmdline.config);
	else if (director_conf_dump(p->conf, stdout) != 0)
		code = EXIT_FAILED;
	tls_ctx_free(p->tls);
	director_conf_free(p->conf);
	return code;
}

int main(int argc, char **argv)
{
	static struct program program;
	int code;

	if (!cmdline_parse(&spec, argc, argv, &program.cmdline, &code))
		return code;
	return load_and_run(&program);
}
