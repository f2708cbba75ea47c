import { isIPv4, isIPv6 } from "node:net";
import { AgentError } from "../core/error.ts";

/** Where to connect to. */
export interface Server {
  /** As configured, without a path; for messages. */
  readonly url: string;
  /** TLS from the first byte. */
  readonly encrypted: boolean;
  /** This machine: nothing leaves it. */
  readonly local: boolean;
  readonly host: string;
  readonly port: number;
  /** Path of a Unix socket; then host and port are of no use. */
  readonly socketPath: string | undefined;
}

/** What a url without a port means. */
export interface Ports {
  readonly ldap: number;
  readonly ldaps: number;
}

export const LDAP_PORTS: Ports = { ldap: 389, ldaps: 636 };
/** MS-ADTS section 3.1.1.3.1.10: one server's knowledge of the whole forest. */
export const GLOBAL_CATALOG_PORTS: Ports = { ldap: 3268, ldaps: 3269 };

/** @throws AgentError `config.invalid` */
export function parseServer(text: string, ports = LDAP_PORTS): Server {
  const socket = /^ldapi:\/\/([^/?]+)\/?$/i.exec(text);
  if (socket !== null) {
    const socketPath = decode(socket[1] ?? "", text);
    return { url: text, encrypted: false, local: true, host: "localhost", port: 0, socketPath };
  }
  const match = /^(ldaps?):\/\/(\[[^\]]+\]|[^/:?#@\s]+)(?::(\d{1,5}))?\/?$/i.exec(text);
  const host = match?.[2]?.replace(/^\[|\]$/g, "");
  const encrypted = match?.[1]?.toLowerCase() === "ldaps";
  const port = Number(match?.[3] ?? (encrypted ? ports.ldaps : ports.ldap));
  if (host === undefined || port < 1 || port > 65_535) throw invalid(text);
  return { url: text, encrypted, local: isLoopback(host), host, port, socketPath: undefined };
}

function decode(path: string, url: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw invalid(url);
  }
}

function invalid(url: string): AgentError {
  // The whole url is not shown: someone may have put a password into it.
  const scheme = /^[a-z]{1,10}(?=:)/i.exec(url)?.[0] ?? "no scheme";
  return new AgentError("config.invalid", `urls: not an LDAP server (${scheme})`, {
    hint: "ldaps://host, ldaps://host:port, ldap://host or ldapi://%2Fpath, and nothing behind it",
  });
}

function isLoopback(host: string): boolean {
  if (isIPv4(host)) return host.startsWith("127.");
  if (isIPv6(host)) return host === "::1" || /^::ffff:127\./i.test(host);
  return host.toLowerCase() === "localhost";
}
