import type { ConnectionOptions } from "node:tls";
import { AgentError } from "../core/error.ts";
import type { DeltaStrategyName } from "../ports.ts";
import type { DirectoryKind } from "./dialect.ts";
import { GLOBAL_CATALOG_PORTS, LDAP_PORTS, parseServer, type Server } from "./server.ts";
import type { Discovery } from "./srv-records.ts";

/** Node's TLS options as far as they make sense here. The certificate is verified unless `rejectUnauthorized: false`. */
export type LdapTlsOptions = Pick<
  ConnectionOptions,
  | "ca"
  | "cert"
  | "key"
  | "passphrase"
  | "pfx"
  | "minVersion"
  | "ciphers"
  | "servername"
  | "rejectUnauthorized"
>;

export type LdapBind =
  | {
      /** A DN; Active Directory also takes `name@domain` and `DOMAIN\name`. */
      readonly dn: string;
      /** Read at each bind, so that a changed password needs no restart. */
      readonly password: () => Promise<string>;
    }
  /** RFC 4422 appendix A: the TLS client certificate, or the local process on ldapi://. */
  | { readonly mechanism: "EXTERNAL" };

export interface LdapDirectoryOptions {
  readonly name: string;
  readonly kind: DirectoryKind;
  /** `ldaps://`, `ldap://` or `ldapi://`, tried in this order. Without a path. Either these or `discovery`. */
  readonly urls?: readonly string[];
  /** Servers from DNS: ldaps on its own port, or StartTLS on the port of the record. */
  readonly discovery?: Discovery;
  /** Asks Active Directory's global catalog: other ports (unless the url names one) and other records. */
  readonly globalCatalog?: boolean;
  readonly baseDn: string;
  readonly bind: LdapBind;
  /** As a function it is read at each connect, so that changed certificates need no restart. */
  readonly tls?: LdapTlsOptions | (() => Promise<LdapTlsOptions>);
  /** StartTLS (RFC 4511 section 4.14) on ldap:// urls. */
  readonly startTls?: boolean;
  /** Sends the password unencrypted to hosts other than this one. */
  readonly allowPlaintext?: boolean;
  /** Entries a page; default 1000, which is the most that Active Directory gives. */
  readonly pageSize?: number;
  /** From the first packet to the answer of the bind, for each url; default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Silence after which an operation is given up; default 60,000. */
  readonly operationTimeoutMs?: number;
  /** After which a connection that nobody uses is closed; default 60,000. */
  readonly idleTimeoutMs?: number;
  /** Seconds that the server may take for one page of a search; 0 leaves it to the server. Default 0. */
  readonly timeLimitSeconds?: number;
  /** Entries that one search may give; 0 leaves it to the server. Default 0. */
  readonly sizeLimit?: number;
  /** Searches at the same time; one more connection is for reads by DN. Default 4. */
  readonly maxConnections?: number;
  /** Largest message of the server; default 64 MiB. A group with 50,000 members is about 9 MB. */
  readonly maxMessageBytes?: number;
  /** Attributes with bytes as values, besides those known of this kind of directory. */
  readonly binaryAttributes?: readonly string[];
  /** How to find out what has changed; the best way that works when not given, "none" to read everything each time. */
  readonly delta?: DeltaStrategyName | "none" | undefined;
}

export interface LdapSettings
  extends Required<Omit<LdapDirectoryOptions, "urls" | "tls" | "discovery">> {
  /** None with `discovery`. */
  readonly servers: readonly Server[];
  readonly discovery: Discovery | undefined;
  readonly tls: () => Promise<LdapTlsOptions>;
}

const MAX_PAGE_SIZE = 100_000;
const MAX_CONNECTIONS = 64;
/** Node's timers hold 31 bits of milliseconds. */
const MAX_TIMEOUT_MS = 86_400_000;
const MAX_MESSAGE_BYTES = 512 << 20;
const MAX_TIME_LIMIT_SECONDS = 86_400;
const MAX_SIZE_LIMIT = 1_000_000_000;

/** @throws AgentError `config.invalid` */
export function checkOptions(options: LdapDirectoryOptions): LdapSettings {
  const { tls = {}, urls = [], globalCatalog = false } = options;
  const ports = globalCatalog ? GLOBAL_CATALOG_PORTS : LDAP_PORTS;
  const settings: LdapSettings = {
    name: options.name,
    kind: options.kind,
    baseDn: options.baseDn,
    bind: options.bind,
    servers: urls.map((url) => parseServer(url, ports)),
    discovery: options.discovery,
    globalCatalog,
    tls: typeof tls === "function" ? tls : () => Promise.resolve(tls),
    startTls: options.startTls ?? false,
    allowPlaintext: options.allowPlaintext ?? false,
    pageSize: within("pageSize", options.pageSize ?? 1000, MAX_PAGE_SIZE),
    connectTimeoutMs: within(
      "connectTimeoutMs",
      options.connectTimeoutMs ?? 10_000,
      MAX_TIMEOUT_MS,
    ),
    operationTimeoutMs: within(
      "operationTimeoutMs",
      options.operationTimeoutMs ?? 60_000,
      MAX_TIMEOUT_MS,
    ),
    idleTimeoutMs: within("idleTimeoutMs", options.idleTimeoutMs ?? 60_000, MAX_TIMEOUT_MS),
    timeLimitSeconds: within(
      "timeLimitSeconds",
      options.timeLimitSeconds ?? 0,
      MAX_TIME_LIMIT_SECONDS,
      0,
    ),
    sizeLimit: within("sizeLimit", options.sizeLimit ?? 0, MAX_SIZE_LIMIT, 0),
    maxConnections: within("maxConnections", options.maxConnections ?? 4, MAX_CONNECTIONS),
    maxMessageBytes: within(
      "maxMessageBytes",
      options.maxMessageBytes ?? 64 << 20,
      MAX_MESSAGE_BYTES,
    ),
    binaryAttributes: options.binaryAttributes ?? [],
    delta: options.delta,
  };
  if (settings.servers.length === 0 && settings.discovery === undefined) {
    throw invalid("urls: at least one is needed");
  }
  if (settings.servers.length > 0 && settings.discovery !== undefined) {
    throw invalid("urls: not together with discovery");
  }
  if (globalCatalog && settings.kind !== "activeDirectory") {
    throw invalid("globalCatalog: only Active Directory has one");
  }
  if ("password" in settings.bind && settings.bind.dn === "") {
    throw invalid("bind.dn: an account is needed; anonymous reads are not supported");
  }
  for (const server of settings.servers) checkPlaintext(server, settings);
  return settings;
}

function checkPlaintext(server: Server, { bind, startTls, allowPlaintext }: LdapSettings): void {
  const encrypted = server.encrypted || startTls;
  if (encrypted || server.local || allowPlaintext || !("password" in bind)) return;
  throw invalid(`${server.url} would send the bind password unencrypted`, {
    hint: "use ldaps://, or turn on startTls, or set allowPlaintext: true",
  });
}

function within(option: string, value: number, max: number, min = 1): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalid(`${option}: ${value} is not a whole number from ${min} to ${max}`);
}

function invalid(message: string, options: { readonly hint?: string } = {}): AgentError {
  return new AgentError("config.invalid", message, options);
}
