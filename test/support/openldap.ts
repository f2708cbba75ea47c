import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { CERTIFICATE_FILES } from "./openldap-certificates.ts";
import { type Ldif, type OpenLdapFolder, writeOpenLdapFolder } from "./openldap-folder.ts";
import { createNativeSlapd, nativeSlapd } from "./openldap-native.ts";

const run = promisify(execFile);

/** Time that slapd may take from its start to its first answer, on a loaded machine. */
const ANSWER_TIMEOUT_MS = 30_000;
const ANSWER_POLL_MS = 20;

/** Largest output of one ldapsearch: 100,000 people with all attributes are about 120 MB. */
const SEARCH_OUTPUT_BYTES = 512 << 20;
const COMMAND_TIMEOUT_MS = 120_000;

export type RunsIn = "container" | "native";

/** A loaded slapd that is started and killed any number of times on the same data and port. */
export interface Slapd {
  readonly runsIn: RunsIn;
  readonly host: string;
  readonly port: number;
  readonly ldapsPort: number | undefined;
  /** Its Unix socket; a container has none that this machine sees. */
  readonly ldapiUrl?: string;
  start(): Promise<void>;
  running(): Promise<boolean>;
  /** Kills it hard. */
  stop(): Promise<void>;
  /** The last that it wrote. */
  output(): Promise<string>;
  remove(): Promise<void>;
}

export interface OpenLdapOptions {
  /** The base entry and the account `cn=sync` directly below it are added when it does not bring them. */
  readonly ldif: Ldif;
  /** Default `dc=example,dc=com`. */
  readonly baseDn?: string;
  /** ldaps and StartTLS with a certificate of a throwaway CA, for localhost and 127.0.0.1. */
  readonly tls?: boolean;
  /** Whether a client may show a certificate of the same CA to sign in with (SASL EXTERNAL). */
  readonly clientCertificates?: boolean;
  /** Entries that one search of the bind account may return; unlimited when absent. A paged search is cut too. */
  readonly sizeLimit?: number;
  /** Password of `cn=sync`; has to be given when the LDIF brings that account. */
  readonly bindPassword?: string;
  /** Default: what scripts/test.mjs found (environment variable OPENLDAP_RUNS_IN), else native. */
  readonly runsIn?: RunsIn;
}

/** A throwaway OpenLDAP with stock schemas and the overlays that a company's directory has. */
export interface OpenLdap {
  /** `ldap://127.0.0.1:<port>` */
  readonly url: string;
  readonly ldapsUrl?: string;
  /** Of a native one. SASL EXTERNAL makes its owner the bind account. */
  readonly ldapiUrl?: string;
  /** PEM file of the CA that signed the server's certificate. */
  readonly caFile?: string;
  readonly baseDn: string;
  readonly adminDn: string;
  readonly adminPassword: string;
  /** An account that may read everything but passwords, without limits on size and time. */
  readonly bindDn: string;
  readonly bindPassword: string;
  readonly runsIn: RunsIn;
  /**
   * Output of OpenLDAP's own client as the bind account, unwrapped LDIF. Later arguments win over `-H`.
   * @throws Error with `code` (the LDAP result code), `stdout` and `stderr`
   */
  ldapsearch(args: readonly string[]): Promise<string>;
  /** Applies LDIF change records as the administrator. */
  ldapmodify(changes: string): Promise<void>;
  /** Kills slapd hard. The data stay. */
  stop(): Promise<void>;
  /** Starts slapd again on the same data and port. */
  start(): Promise<void>;
  /** Stops it and removes everything. May be called twice. */
  close(): Promise<void>;
}

/** Starts an OpenLDAP of its own, loaded with the LDIF; it answers when this returns. */
export async function startOpenLdap(options: OpenLdapOptions): Promise<OpenLdap> {
  const baseDn = options.baseDn ?? "dc=example,dc=com";
  const bindPassword = options.bindPassword ?? "sync-password";
  const adminPassword = "admin-password";
  const runsIn = options.runsIn ?? defaultPlace();
  const folder = await writeOpenLdapFolder({
    ldif: options.ldif,
    baseDn,
    adminPassword,
    bindPassword,
    tls: options.tls === true,
    clientCertificates: options.clientCertificates === true,
    sizeLimit: options.sizeLimit,
  });
  let slapd: Slapd | undefined;
  try {
    slapd = await (runsIn === "container" ? containerSlapd(folder) : createNativeSlapd(folder));
    const openLdap = describeServer(slapd, folder, { baseDn, adminPassword, bindPassword });
    await openLdap.start();
    return openLdap;
  } catch (error) {
    await slapd?.remove();
    await folder.remove();
    throw error;
  }
}

/** Loaded on demand: the client of the container engine takes seconds to import. */
async function containerSlapd(folder: OpenLdapFolder): Promise<Slapd> {
  const { createContainerSlapd } = await import("./openldap-container.ts");
  return createContainerSlapd(folder);
}

/** The places where an OpenLDAP can run here; the first is the one that the suites use. */
export function availablePlaces(): readonly RunsIn[] {
  const first = defaultPlace();
  return first === "container" && nativeSlapd() !== undefined ? ["container", "native"] : [first];
}

function defaultPlace(): RunsIn {
  const place = process.env["OPENLDAP_RUNS_IN"] ?? "native";
  if (place === "container" || place === "native") return place;
  throw new Error("no OpenLDAP with --embedded: a suite that needs it is named *.openldap.test.ts");
}

interface Accounts {
  readonly baseDn: string;
  readonly adminPassword: string;
  readonly bindPassword: string;
}

function describeServer(slapd: Slapd, folder: OpenLdapFolder, accounts: Accounts): OpenLdap {
  const { baseDn } = accounts;
  let closing: Promise<void> | undefined;
  const url = `ldap://${slapd.host}:${slapd.port}`;
  const adminDn = `cn=admin,${baseDn}`;
  const bindDn = `cn=sync,${baseDn}`;
  const asBindAccount = ["-x", "-D", bindDn, "-y", join(folder.path, folder.bindPasswordFile)];
  const asAdmin = ["-x", "-D", adminDn, "-y", join(folder.path, folder.adminPasswordFile)];
  const caFile = join(folder.path, CERTIFICATE_FILES.ca);
  const environment = folder.tls ? { ...process.env, LDAPTLS_CACERT: caFile } : process.env;
  const command = async (name: string, args: readonly string[]) => {
    const limits = { timeout: COMMAND_TIMEOUT_MS, maxBuffer: SEARCH_OUTPUT_BYTES };
    return (await run(name, args, { ...limits, env: environment })).stdout;
  };
  return {
    url,
    ...(slapd.ldapiUrl === undefined ? {} : { ldapiUrl: slapd.ldapiUrl }),
    ...(slapd.ldapsPort === undefined
      ? {}
      : { ldapsUrl: `ldaps://${slapd.host}:${slapd.ldapsPort}`, caFile }),
    baseDn,
    adminDn,
    adminPassword: accounts.adminPassword,
    bindDn,
    bindPassword: accounts.bindPassword,
    runsIn: slapd.runsIn,
    ldapsearch: (args) => {
      const server = args.includes("-H") ? [] : ["-H", url];
      const output = ["-LLL", "-o", "ldif-wrap=no"];
      return command("ldapsearch", [...asBindAccount, ...server, ...output, ...args]);
    },
    async ldapmodify(changes) {
      const file = join(folder.path, "changes.ldif");
      await writeFile(file, changes);
      await command("ldapmodify", [...asAdmin, "-H", url, "-f", file]);
    },
    stop: () => slapd.stop(),
    async start() {
      await slapd.start();
      await answers(slapd, () => command("ldapwhoami", [...asBindAccount, "-H", url]));
    },
    close() {
      closing ??= slapd.remove().finally(() => folder.remove());
      return closing;
    },
  };
}

/** Waits until the bind account is let in. */
async function answers(slapd: Slapd, ask: () => Promise<string>): Promise<void> {
  const deadline = Date.now() + ANSWER_TIMEOUT_MS;
  for (;;) {
    try {
      await ask();
      return;
    } catch (cause) {
      const code = (cause as { code?: unknown }).code;
      if (code === "ENOENT") {
        throw new Error("ldapwhoami is not installed; on Debian: apt-get install -y ldap-utils", {
          cause,
        });
      }
      if (code === 49) {
        throw new Error("cn=sync is in the LDIF with a password that is not `bindPassword`", {
          cause,
        });
      }
      if (!(await slapd.running()) || Date.now() > deadline) {
        throw new Error(`slapd does not answer (${slapd.runsIn}):\n${await slapd.output()}`, {
          cause,
        });
      }
      await delay(ANSWER_POLL_MS);
    }
  }
}
