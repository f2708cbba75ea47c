import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** Days a throwaway certificate is valid. */
const VALID_DAYS = "2";

/** File names, relative to the folder that {@link writeCertificates} was given. */
export const CERTIFICATE_FILES = {
  ca: "ca.crt",
  certificate: "server.crt",
  key: "server.key",
} as const;

/** Of {@link writeClientCertificate}; slapd needs none of them. */
export const CLIENT_FILES = { certificate: "client.crt", key: "client.key" } as const;

/**
 * Writes the certificate of a throwaway CA and a server certificate for localhost and 127.0.0.1 that it signed.
 * The key of the CA stays in the folder too, so that a test can sign more.
 */
export async function writeCertificates(folder: string): Promise<void> {
  const openssl = (...args: string[]) => run("openssl", args, { cwd: folder });
  await openssl(
    ...["req", "-x509", ...NEW_KEY, "-keyout", "ca.key", "-out", CERTIFICATE_FILES.ca],
    ...["-days", VALID_DAYS, "-subj", "/CN=Throwaway test CA"],
    ...["-addext", "keyUsage=critical,keyCertSign,cRLSign"],
  );
  await openssl(
    ...["req", "-new", ...NEW_KEY, "-keyout", CERTIFICATE_FILES.key, "-out", "server.csr"],
    ...["-subj", "/CN=localhost"],
  );
  await writeFile(
    join(folder, "server.ext"),
    "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n",
  );
  await openssl(
    ...["x509", "-req", "-in", "server.csr", "-CA", CERTIFICATE_FILES.ca, "-CAkey", "ca.key"],
    ...["-CAcreateserial", "-days", VALID_DAYS, "-extfile", "server.ext"],
    ...["-out", CERTIFICATE_FILES.certificate],
  );
}

/** Writes a client certificate that the CA of {@link writeCertificates} signed, for the account `cn=sync`. */
export async function writeClientCertificate(folder: string): Promise<void> {
  const openssl = (...args: string[]) => run("openssl", args, { cwd: folder });
  const { ca } = CERTIFICATE_FILES;
  const { certificate, key } = CLIENT_FILES;
  await openssl(
    ...["req", "-new", ...NEW_KEY, "-keyout", key, "-out", "client.csr"],
    ...["-subj", "/CN=throwaway client"],
  );
  await openssl(
    ...["x509", "-req", "-in", "client.csr", "-CA", ca, "-CAkey", "ca.key", "-CAcreateserial"],
    ...["-days", VALID_DAYS, "-out", certificate],
  );
}
