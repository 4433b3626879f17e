/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cli/pki.h"
#include "common/pki/pki.h"
#include "common/pki/store.h"

#define DAY_S        86400
#define FILES_MAX    4096 /* certificates of a folder */
#define PROBLEMS_MAX 8
#define ENDING       ".crt"

struct row {
	const char *stem; /* the file's name without its ending */
	struct pki_info info;
	int64_t days_left; /* whole days, negative when it has expired */
	const char *problems[PROBLEMS_MAX];
	size_t n_problems;
};

struct list {
	const char *dir;
	int64_t now_s;
	struct pki_pair ca; /* the certificate may be NULL */
	FILE *err;
};

static void add_problem(struct row *row, const char *problem)
{
	if (row->n_problems < PROBLEMS_MAX)
		row->problems[row->n_problems++] = problem;
}

/* ---- what is wrong with a certificate ---- */

static void judge_time(const struct list *list, struct row *row)
{
	int64_t left_s = row->info.not_after_s - list->now_s;

	row->days_left = left_s >= 0 ? left_s / DAY_S : -((-left_s + DAY_S - 1) / DAY_S);
	if (left_s <= 0)
		add_problem(row, "expired");
	else if (row->days_left < PKI_WARN_DAYS)
		add_problem(row, "expires soon");
	if (row->info.not_before_s > list->now_s)
		add_problem(row, "not valid yet");
}

/* A key need not be here: it may have gone to its host, or off line. */
static void judge_key(const struct list *list, struct row *row)
{
	struct pki_pair pair = { NULL, NULL };
	char path[4096];
	struct stat st;
	int err;

	if (snprintf(path, sizeof(path), "%s/%s.key", list->dir, row->stem) >= (int)sizeof(path) ||
	    stat(path, &st) != 0)
		return;
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		add_problem(row, "others may read the key");
	err = pki_read_pair(list->dir, row->stem, &pair, NULL);
	if (err == ERR_MISMATCH)
		add_problem(row, "the key is not its own");
	else if (err != 0)
		add_problem(row, "the key cannot be read");
	pki_pair_free(&pair);
}

/* Returns false, with a message, if there is nothing to show. */
static bool make_row(const struct list *list, const char *stem, struct row *out)
{
	struct row row = { .stem = stem };
	struct pki_pair pair = { NULL, NULL };
	struct errtext why = { "" };
	int err = pki_read_cert(list->dir, stem, &pair, &why);

	if (err != 0) {
		fprintf(list->err, "clusteradm pki: %s\n", why.text);
		return false;
	}
	err = pki_describe(pair.cert, &row.info, &why);
	if (err != 0)
		fprintf(list->err, "clusteradm pki: %s/%s" ENDING ": %s\n", list->dir, stem,
			why.text);
	else if (list->ca.cert != NULL && !pki_is_issued_by(pair.cert, list->ca.cert))
		add_problem(&row, "not issued by ca.crt");
	pki_pair_free(&pair);
	if (err != 0)
		return false;
	judge_time(list, &row);
	judge_key(list, &row);
	*out = row;
	return true;
}

/* ---- writers ---- */

static const char *kind_of(const struct row *row)
{
	return row->info.is_ca ? "ca" : pki_kind_name(row->info.identity.kind);
}

static const char *name_of(const struct row *row)
{
	return row->info.is_ca ? row->info.cluster : row->info.identity.name;
}

/* The file, where its name is not what its content says. */
static void print_file(FILE *out, const struct row *row)
{
	char stem[PKI_STEM_MAX] = PKI_CA_STEM;

	if (!row->info.is_ca)
		pki_stem_format(&row->info.identity, stem);
	if (strcmp(row->stem, stem) != 0)
		fprintf(out, " (%s" ENDING ")", row->stem);
}

static void print_rows(FILE *out, const struct row *rows, size_t n)
{
	char expires[PKI_TIME_MAX];
	int width = 4;

	for (size_t i = 0; i < n; i++) {
		int len = (int)strlen(name_of(&rows[i]));

		width = len > width ? len : width;
	}
	fprintf(out, "%-8s  %-*s  %-20s  %5s  %s\n", "KIND", width, "NAME", "EXPIRES", "DAYS",
		"NOTE");
	for (size_t i = 0; i < n; i++) {
		const struct row *row = &rows[i];

		fprintf(out, "%-8s  %-*s  %-20s  %5lld  ", kind_of(row), width, name_of(row),
			pki_time_format(row->info.not_after_s, expires), (long long)row->days_left);
		for (size_t j = 0; j < row->n_problems; j++)
			fprintf(out, "%s%s", j > 0 ? ", " : "", row->problems[j]);
		fputs(row->n_problems == 0 ? "ok" : "", out);
		print_file(out, row);
		fputc('\n', out);
	}
}

static json_t *json_of_row(const struct row *row)
{
	json_t *problems = json_array();
	char expires[PKI_TIME_MAX];

	for (size_t i = 0; i < row->n_problems; i++)
		(void)json_array_append_new(problems, json_string(row->problems[i]));
	return json_pack("{s:s+,s:s,s:s,s:s,s:s,s:s,s:I,s:o}", "file", row->stem, ENDING, "kind",
			 kind_of(row), "name", name_of(row), "cluster", row->info.cluster, "serial",
			 row->info.serial, "expires",
			 pki_time_format(row->info.not_after_s, expires), "days_left",
			 (json_int_t)row->days_left, "problems", problems);
}

static bool print_json(FILE *out, const struct row *rows, size_t n)
{
	json_t *list = json_array();
	json_t *answer = json_pack("{s:o}", "certificates", list);
	bool is_done = answer != NULL;

	for (size_t i = 0; is_done && i < n; i++)
		is_done = json_array_append_new(list, json_of_row(&rows[i])) == 0;
	is_done =
	    is_done && json_dumpf(answer, out, JSON_INDENT(2)) == 0 && fputc('\n', out) != EOF;
	json_decref(answer);
	return is_done;
}

/* ---- the folder ---- */

static int is_certificate(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > sizeof(ENDING) - 1 &&
	       strcmp(entry->d_name + len - (sizeof(ENDING) - 1), ENDING) == 0;
}

/* alphasort() would follow the locale. */
static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int show(const struct list *list, struct dirent **files, size_t n, bool json, FILE *out)
{
	struct row *rows = calloc(n > 0 ? n : 1, sizeof(*rows));
	size_t n_rows = 0;
	int status = 0;

	if (rows == NULL)
		return 1;
	for (size_t i = 0; i < n; i++) {
		files[i]->d_name[strlen(files[i]->d_name) - (sizeof(ENDING) - 1)] = '\0';
		if (make_row(list, files[i]->d_name, &rows[n_rows]))
			n_rows++;
		else
			status = 1;
	}
	if (json)
		status = print_json(out, rows, n_rows) ? status : 1;
	else if (n_rows > 0)
		print_rows(out, rows, n_rows);
	else
		fprintf(out, "No certificates in %s. 'clusteradm pki init' makes a CA.\n",
			list->dir);
	free(rows);
	return status;
}

int pki_list(const char *dir, int64_t now_s, bool json, FILE *out, FILE *err)
{
	struct list list = { .dir = dir, .now_s = now_s, .err = err };
	struct dirent **files = NULL;
	int n = scandir(dir, &files, is_certificate, compare_names);
	int status = 1;

	if (n < 0)
		fprintf(err, "clusteradm pki: %s: %m\n", dir);
	else if (n > FILES_MAX)
		fprintf(err, "clusteradm pki: %s: more than %d certificates\n", dir, FILES_MAX);
	else {
		/* Without a readable CA nothing is compared with it; its own row says why. */
		(void)!pki_read_cert(dir, PKI_CA_STEM, &list.ca, NULL);
		status = show(&list, files, (size_t)n, json, out);
		pki_pair_free(&list.ca);
	}
	for (int i = 0; i < n; i++)
		free(files[i]);
	free(files);
	return status;
}
