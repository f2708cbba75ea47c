import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { CERTIFICATE_FILES, writeCertificates } from "./openldap-certificates.ts";

/** LDIF text, whole or in chunks that are joined as they are. Parents stand before their children. */
export type Ldif = string | Iterable<string> | AsyncIterable<string>;

export interface OpenLdapFolderOptions {
  readonly ldif: Ldif;
  readonly baseDn: string;
  readonly adminPassword: string;
  readonly bindPassword: string;
  readonly tls: boolean;
  /** Whether a client may show a certificate. */
  readonly clientCertificates: boolean;
  /** Entries that one search of the bind account may return. */
  readonly sizeLimit: number | undefined;
}

/** Everything that slapd needs, written to a folder of this machine. Nothing is started yet. */
export interface OpenLdapFolder {
  readonly path: string;
  /** LDIF files in the order in which they are to be loaded, relative to `path`. */
  readonly ldifFiles: readonly string[];
  readonly tls: boolean;
  /** Name of the file with the bind password, relative to `path`. */
  readonly bindPasswordFile: string;
  readonly adminPasswordFile: string;
  /** slapd.conf for slapd that sees the files under `directory`. */
  configuration(directory: string): string;
  remove(): Promise<void>;
}

/** Characters that are collected before they are written. */
const WRITE_CHARACTERS = 1 << 20;

/** Writes LDIF, certificates and passwords to a new temporary folder. */
export async function writeOpenLdapFolder(options: OpenLdapFolderOptions): Promise<OpenLdapFolder> {
  const path = await mkdtemp(join(tmpdir(), "openldap-"));
  const remove = () => rm(path, { recursive: true, force: true, maxRetries: 3 });
  try {
    const template = await readFile(new URL("openldap-slapd.conf", import.meta.url), "utf8");
    await Promise.all([mkdir(join(path, "db")), mkdir(join(path, "log"))]);
    await writeFile(join(path, "bind.password"), options.bindPassword, { mode: 0o600 });
    await writeFile(join(path, "admin.password"), options.adminPassword, { mode: 0o600 });
    if (options.tls) await writeCertificates(path);
    const ldifFiles = await writeLdif(path, options);
    return {
      path,
      ldifFiles,
      tls: options.tls,
      bindPasswordFile: "bind.password",
      adminPasswordFile: "admin.password",
      configuration: (directory) => fillIn(template, directory, options),
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

function fillIn(template: string, directory: string, options: OpenLdapFolderOptions): string {
  const tls = [
    `TLSCACertificateFile ${directory}/${CERTIFICATE_FILES.ca}`,
    `TLSCertificateFile ${directory}/${CERTIFICATE_FILES.certificate}`,
    `TLSCertificateKeyFile ${directory}/${CERTIFICATE_FILES.key}`,
    `TLSVerifyClient ${options.clientCertificates ? "try" : "never"}`,
  ];
  const values: Readonly<Record<string, string>> = {
    DIR: directory,
    BASE: options.baseDn,
    ADMIN_PASSWORD: options.adminPassword,
    SIZE_LIMIT: String(options.sizeLimit ?? "unlimited"),
    TLS: options.tls ? tls.join("\n") : "",
  };
  return template.replace(/@([A-Z_]+)@/g, (word, name: string) => values[name] ?? word);
}

/** The base entry and the bind account are written beside the LDIF when it does not bring them. */
async function writeLdif(path: string, options: OpenLdapFolderOptions): Promise<string[]> {
  const { baseDn, bindPassword } = options;
  const wanted = new Set([`dn: ${baseDn}`.toLowerCase(), `dn: cn=sync,${baseDn}`.toLowerCase()]);
  await pipeline(
    Readable.from(collect(options.ldif, wanted)),
    createWriteStream(join(path, "1-entries.ldif")),
  );
  const files = ["1-entries.ldif"];
  if (wanted.has(`dn: ${baseDn}`.toLowerCase())) {
    await writeFile(join(path, "0-base.ldif"), baseEntry(baseDn));
    files.unshift("0-base.ldif");
  }
  if (wanted.has(`dn: cn=sync,${baseDn}`.toLowerCase())) {
    await writeFile(join(path, "2-account.ldif"), bindAccount(baseDn, bindPassword));
    files.push("2-account.ldif");
  }
  return files;
}

/** Passes LDIF through in large chunks and deletes from `wanted` the lines that it met. */
async function* collect(ldif: Ldif, wanted: Set<string>): AsyncGenerator<string> {
  let chunk = "";
  for await (const text of typeof ldif === "string" ? [ldif] : ldif) {
    chunk += text;
    if (chunk.length < WRITE_CHARACTERS) continue;
    const end = chunk.lastIndexOf("\n") + 1;
    if (end === 0) continue;
    meet(chunk.slice(0, end), wanted);
    yield chunk.slice(0, end);
    chunk = chunk.slice(end);
  }
  meet(chunk, wanted);
  // slapadd takes an empty file for an error only when there is no line at all.
  yield `${chunk}\n`;
}

function meet(lines: string, wanted: Set<string>): void {
  if (wanted.size === 0) return;
  const text = `\n${lines.toLowerCase().replaceAll("\r\n", "\n")}\n`;
  for (const line of wanted) if (text.includes(`\n${line}\n`)) wanted.delete(line);
}

function baseEntry(baseDn: string): string {
  const dc = /^dc=([^,+]+)(,|$)/i.exec(baseDn)?.[1];
  if (dc === undefined) {
    throw new Error(
      `the LDIF has to bring the entry ${baseDn}: only a base DN of dc= is made here`,
    );
  }
  return `dn: ${baseDn}\nobjectClass: dcObject\nobjectClass: organization\ndc: ${dc}\no: ${dc}\n`;
}

function bindAccount(baseDn: string, password: string): string {
  const classes = "objectClass: organizationalRole\nobjectClass: simpleSecurityObject";
  return `dn: cn=sync,${baseDn}\n${classes}\ncn: sync\nuserPassword: ${password}\n`;
}
