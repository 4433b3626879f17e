/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#include "common/pki/pki.h"

void pki_read_cluster(const X509 *cert, char out[NAME_TEXT_MAX + 1])
{
	int len = X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_organizationName, out,
					    NAME_TEXT_MAX + 1);

	if (len < 0 || !text_is_name(out))
		out[0] = '\0';
}

static int read_time(const ASN1_TIME *time, int64_t *out)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1)
		return ERR_VALUE;
	*out = (int64_t)timegm(&tm);
	return 0;
}

static void read_serial(const X509 *cert, char out[PKI_SERIAL_MAX])
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
	int len = ASN1_STRING_length(serial);

	out[0] = '\0';
	for (int i = 0; i < len && 2 * i + 2 < PKI_SERIAL_MAX; i++)
		snprintf(out + 2 * i, 3, "%02x", (unsigned int)ASN1_STRING_get0_data(serial)[i]);
}

int pki_describe(const X509 *cert, struct pki_info *out, struct errtext *why)
{
	struct pki_info info = { .is_ca = X509_check_ca((X509 *)cert) == 1 };
	int err = 0;

	if (!info.is_ca)
		err = pki_identity_read(cert, &info.identity, why);
	if (err != 0)
		return err;
	if (read_time(X509_get0_notBefore(cert), &info.not_before_s) != 0 ||
	    read_time(X509_get0_notAfter(cert), &info.not_after_s) != 0) {
		errtext_set(why, "the certificate's dates are malformed");
		return ERR_VALUE;
	}
	pki_read_cluster(cert, info.cluster);
	read_serial(cert, info.serial);
	*out = info;
	return 0;
}

const char *pki_time_format(int64_t time_s, char out[PKI_TIME_MAX])
{
	time_t time = (time_t)time_s;
	struct tm tm;

	if (gmtime_r(&time, &tm) == NULL || strftime(out, PKI_TIME_MAX, "%FT%TZ", &tm) == 0)
		snprintf(out, PKI_TIME_MAX, "unknown");
	return out;
}

bool pki_is_issued_by(X509 *cert, const X509 *ca)
{
	bool is_issued = X509_verify(cert, X509_get0_pubkey(ca)) == 1;

	ERR_clear_error();
	return is_issued;
}
